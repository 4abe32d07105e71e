import { browser } from "@web/core/browser/browser";
import { useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { formatInteger } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, onWillUnmount, useState } from "@odoo/owl";

/** Milliseconds between two looks at what is at work. */
export const PERIOD = 1000;
/** Percent of progress from one announcement to the next. */
const STEP = 10;
export const AT_WORK = ["queued", "running", "waiting"];

/**
 * How far something has got that a server does in the background, followed for as long
 * as it is at work. Its model has a `state` and a `progress` in percent.
 *
 * At its end the form is read again: what can be done with it has changed.
 */
export class RunProgress extends Component {
    static template = "spp_attendance.RunProgress";
    static props = { ...standardWidgetProps };
    /** What is looked up, `state` and `progress` among it. */
    static fields = ["state", "progress"];

    setup() {
        this.orm = useService("orm");
        this.state = useState({ run: null, announcement: "" });
        this.announced = null;
        useRecordObserver((record) => this.follow(record));
        onWillUnmount(() => this.stop());
    }

    /** Show what the form knows, and look again soon if there is more to come. */
    follow(record) {
        const { run } = this.state;
        const known = Object.fromEntries(
            this.constructor.fields.map((name) => [name, record.data[name]])
        );
        const isOther = !run || run.resId !== record.resId;
        // While it is at work, what was looked up is newer than what the form has read.
        if (isOther || !AT_WORK.includes(known.state) || !this.isAtWork) {
            this.show({ ...known, resId: record.resId });
        }
        this.schedule(record);
    }

    schedule(record) {
        this.stop();
        if (AT_WORK.includes(this.state.run.state)) {
            this.timer = browser.setTimeout(() => this.look(record), PERIOD);
        }
    }

    stop() {
        browser.clearTimeout(this.timer);
        this.timer = null;
    }

    async look(record) {
        const timer = this.timer;
        let found;
        try {
            [found] = await this.orm.silent.read(
                record.resModel,
                [record.resId],
                this.constructor.fields
            );
        } catch {
            // Without a network it is looked up again; what is shown stays.
            found = this.state.run;
        }
        if (timer !== this.timer) {
            return;
        }
        const before = this.state.run.state;
        this.show({ ...found, resId: record.resId });
        if (found.state !== before) {
            await record.load();
        }
        if (timer === this.timer) {
            this.schedule(record);
        }
    }

    show(run) {
        this.state.run = run;
        // Somebody who listens is told of each tenth, not of each second.
        const reached = `${run.state} ${Math.floor(run.progress / STEP)}`;
        if (reached !== this.announced) {
            this.announced = reached;
            this.state.announcement = this.summary;
        }
    }

    get isAtWork() {
        return AT_WORK.includes(this.state.run.state);
    }

    /** Nobody knows how much there is. */
    get isEndless() {
        return false;
    }

    get percent() {
        return Math.round(this.state.run.progress);
    }

    /** What is at work, in words. */
    get label() {
        throw new Error("Say what is at work.");
    }

    /** How far it is, in words. */
    get summary() {
        throw new Error("Say how far it is.");
    }

    /**
     * What it came to.
     *
     * @returns {[string, string][]} names of fields and their labels
     */
    get figureLabels() {
        return [];
    }

    get figures() {
        return this.figureLabels.map(([name, label]) => ({
            name,
            label,
            value: formatInteger(this.state.run[name]),
            class: this.figureClass(name),
        }));
    }

    figureClass() {
        return "";
    }

    get barClass() {
        const { state } = this.state.run;
        return (
            {
                done: "bg-success",
                failed: "bg-danger",
                cancelled: "bg-secondary",
                waiting: "bg-warning",
            }[state] || "progress-bar-striped progress-bar-animated"
        );
    }
}
