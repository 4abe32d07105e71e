import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { formatInteger, formatPercentage } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, onWillUnmount, useState } from "@odoo/owl";

const MODEL = "spp.attendance.import";
/** Milliseconds between two looks at an import that is at work. */
const PERIOD = 1000;
/** Percent of progress from one announcement to the next. */
const STEP = 10;
const AT_WORK = ["queued", "running", "waiting"];
const COUNTS = ["read_count", "created_count", "updated_count", "unchanged_count", "rejected_count"];
const FIELDS = [...COUNTS, "state", "total", "progress", "is_dry_run"];

/**
 * How far an import has got, followed for as long as it is at work.
 *
 * At its end the form is read again: what can be done with it has changed.
 */
export class ImportProgress extends Component {
    static template = "spp_attendance.ImportProgress";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.formatInteger = formatInteger;
        this.state = useState({ run: null, announcement: "" });
        this.announced = null;
        useRecordObserver((record) => this.follow(record));
        onWillUnmount(() => this.stop());
    }

    /** Show what the form knows, and look again soon if there is more to come. */
    follow(record) {
        const { run } = this.state;
        const known = Object.fromEntries(FIELDS.map((name) => [name, record.data[name]]));
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
            [found] = await this.orm.silent.read(MODEL, [record.resId], FIELDS);
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

    /** Nobody said how many rows there are. */
    get isEndless() {
        return this.isAtWork && !this.state.run.total;
    }

    get percent() {
        return Math.round(this.state.run.progress);
    }

    get summary() {
        const { state, total, read_count } = this.state.run;
        const rows = formatInteger(read_count);
        switch (state) {
            case "queued":
                return _t("Waiting for its turn; it begins by itself.");
            case "waiting":
                return _t("Waiting to try again after %s rows.", rows);
            case "running":
                return total
                    ? _t("%(rows)s of %(total)s rows (%(percentage)s)", {
                          rows,
                          total: formatInteger(total),
                          percentage: formatPercentage(this.percent / 100),
                      })
                    : _t("%s rows so far", rows);
            case "done":
                return _t("Done: %s rows.", rows);
            case "failed":
                return _t("Stopped by a fault after %s rows.", rows);
            default:
                return _t("Cancelled after %s rows.", rows);
        }
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

    get figures() {
        const { run } = this.state;
        const labels = run.is_dry_run
            ? {
                  created_count: _t("Would be created"),
                  updated_count: _t("Would be changed"),
                  unchanged_count: _t("Unchanged"),
                  rejected_count: _t("Would be rejected"),
              }
            : {
                  created_count: _t("Created"),
                  updated_count: _t("Changed"),
                  unchanged_count: _t("Unchanged"),
                  rejected_count: _t("Rejected"),
              };
        return Object.entries(labels).map(([name, label]) => ({
            name,
            label,
            value: formatInteger(run[name]),
            class: name === "rejected_count" && run[name] ? "text-danger" : "",
        }));
    }
}

registry.category("view_widgets").add("attendance_import_progress", {
    component: ImportProgress,
    additionalClasses: ["d-block", "w-100"],
    fieldDependencies: [
        { name: "state", type: "selection" },
        { name: "is_dry_run", type: "boolean" },
        { name: "progress", type: "float" },
        { name: "total", type: "integer" },
        ...COUNTS.map((name) => ({ name, type: "integer" })),
    ],
});
