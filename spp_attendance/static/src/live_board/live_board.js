import { browser } from "@web/core/browser/browser";
import { Domain } from "@web/core/domain";
import { deserializeDate, deserializeDateTime, formatDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { formatInteger } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillDestroy, onWillStart, useState } from "@odoo/owl";
import { BarList } from "../figures/bar_list";
import { useLiveFeed } from "./live_feed";
import { Tally } from "./tally";

const { DateTime } = luxon;

/** Lines; what arrives pushes the oldest out. */
const MAX_LINES = 50;
/** Events that are kept while the board stands still. After more it is read anew. */
const MAX_KEPT = 1000;
/** Milliseconds from one reading of the board to the next, however much is corrected. */
const PAUSE = 5000;
/** Milliseconds between two announcements to who listens to the page. */
const ANNOUNCE_EVERY = 5000;
/** Milliseconds. A clock that runs fast must not ask for the new day again and again. */
const SHORTEST_DAY = 60_000;

/** What is shown of how somebody came or went. */
const MARKS = {
    present: { text: _t("Present"), class: "text-bg-success" },
    absent: { text: _t("Absent"), class: "text-bg-warning" },
    in: { text: _t("In"), class: "text-bg-success" },
    out: { text: _t("Out"), class: "text-bg-info" },
    break_start: { text: _t("Break start"), class: "text-bg-secondary" },
    break_end: { text: _t("Break end"), class: "text-bg-secondary" },
    overtime_in: { text: _t("Overtime in"), class: "text-bg-success" },
    overtime_out: { text: _t("Overtime out"), class: "text-bg-info" },
};

const SOURCES = {
    manual: _t("Entered here"),
    api: _t("App"),
    device: _t("Terminal"),
    kiosk: _t("Kiosk"),
    import: _t("Import"),
};

/**
 * Today's attendance as it arrives. The server is asked once, and again only where what
 * it tells doesn't say how the numbers change; all else comes by the live feed.
 */
export class LiveBoard extends Component {
    static template = "spp_attendance.LiveBoard";
    static components = { BarList, Layout, RecordSelector };
    static props = { ...standardActionServiceProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        this.display = { controlPanel: {} };
        this.formatInteger = formatInteger;
        this.filter = useState(this.props.state?.board || { locationId: false, typeId: false });
        this.state = useState({ isPaused: false, waiting: 0, announcement: "" });
        // Much may happen at once: a message is rendered as one change.
        this.lines = [];
        this.tally = null;
        this.day = null;
        /** Events that wait: told while the board is read or stands still. */
        this.kept = [];
        this.isReading = false;
        this.readAt = 0;
        this.timers = {};
        this.news = { count: 0, line: null };
        useSetupAction({ getLocalState: () => ({ board: { ...this.filter } }) });
        this.feed = useLiveFeed({
            onEvents: (events) => this.onEvents(events),
            onListening: () => this.readSoon(),
        });
        onWillStart(() => this.read());
        onWillDestroy(() => Object.values(this.timers).forEach(browser.clearTimeout));
    }

    // ---------------------------------------------------------------- reading

    async read() {
        const { locationId, typeId } = this.filter;
        this.isReading = true;
        try {
            const board = await this.keepLast.add(
                this.orm.call("spp.attendance.live.board", "get_board", [], {
                    location_id: locationId,
                    type_id: typeId,
                })
            );
            this.show(board);
        } finally {
            this.isReading = false;
        }
        this.takeKept();
    }

    /** Read the board again, but not for each of many corrections. */
    readSoon() {
        if (this.timers.read) {
            return;
        }
        // A little later or sooner than other boards.
        const wait = Math.max(0, this.readAt + PAUSE - Date.now()) * (1 + Math.random() / 2);
        this.timers.read = browser.setTimeout(async () => {
            this.timers.read = null;
            this.readAt = Date.now();
            if (this.state.isPaused) {
                this.isOutdated = true;
                return;
            }
            try {
                await this.read();
            } catch {
                // Without a network what is shown stays; it is read once there is one.
            }
        }, wait);
    }

    /** @param {Object} board as the server tells it */
    show(board) {
        this.day = board.day;
        this.domain = board.domain;
        this.locationIds = board.location_ids && new Set(board.location_ids);
        this.tally = new Tally({
            groups: board.groups,
            lastId: board.last_id,
            counts: (record) =>
                record.date === this.day && !record.voided && this.isRecordShown(record),
        });
        this.isOutdated = false;
        // What is told of and not kept anywhere stays.
        const passing = this.lines.filter((line) => line.isPassing);
        this.lines = [];
        for (const event of board.events.toReversed()) {
            this.remember(event);
            this.take(event);
        }
        this.lines = [...passing, ...this.lines]
            .sort((a, b) => b.at.localeCompare(a.at))
            .slice(0, MAX_LINES);
        browser.clearTimeout(this.timers.day);
        const left = deserializeDateTime(board.ends_at) - DateTime.now();
        this.timers.day = browser.setTimeout(
            () => this.readSoon(),
            Math.max(left, SHORTEST_DAY)
        );
        this.render();
    }

    changeFilter(values) {
        Object.assign(this.filter, values);
        this.lines = this.lines.filter((line) => !line.isPassing);
        return this.read();
    }

    // ---------------------------------------------------------------- the feed

    onEvents(events) {
        this.kept.push(...events);
        if (this.state.isPaused) {
            this.state.waiting += events.filter((event) => this.isNews(event)).length;
            if (this.kept.length > MAX_KEPT) {
                this.kept = [];
                this.isOutdated = true;
            }
        } else if (!this.isReading) {
            this.takeKept();
        }
    }

    takeKept() {
        if (this.state.isPaused || !this.kept.length) {
            return;
        }
        const events = this.kept;
        this.kept = [];
        for (const event of events) {
            const isNews = this.isNews(event);
            const line = this.take(event);
            if (isNews && line) {
                this.news.count++;
                this.news.line = line;
            }
        }
        this.announceSoon();
        this.render();
    }

    /**
     * Whether an event is something that people wait for. Who begins to listen is told
     * once more what happened in the minute before.
     */
    isNews({ type, data }) {
        if (type !== "record_updated") {
            return false;
        }
        const line = this.findLine(`record-${data.id}`);
        return !line || line.at < data.updated_at;
    }

    /** @param {Object} event whose consequences the server's numbers have in them */
    remember(event) {
        if (event.type === "record_updated") {
            this.tally.remember(event.data);
        }
    }

    /**
     * @param {Object} event of the live feed
     * @returns {Object|undefined} the line that is new
     */
    take(event) {
        switch (event.type) {
            case "record_updated":
                return this.takeRecord(event.data);
            case "error_occurred":
                // More than is told one by one, or than is kept for who was away.
                if (["too_many", "missed"].includes(event.data.code)) {
                    this.readSoon();
                }
        }
    }

    takeRecord(record) {
        if (!this.tally.update(record)) {
            this.readSoon();
        }
        const key = `record-${record.id}`;
        if (this.isRecordShown(record)) {
            return this.addLine(this.recordLine(key, record));
        }
        this.dropLine(key);
    }

    isRecordShown({ location, type }) {
        return this.isPlaceShown(location) && this.isTypeShown(type);
    }

    isPlaceShown(location) {
        return !this.locationIds || this.locationIds.has(location?.id);
    }

    isTypeShown(type) {
        return !this.filter.typeId || type?.id === this.filter.typeId;
    }

    // ------------------------------------------------------------------ lines

    recordLine(key, record) {
        const way = record.scan_type === "none" ? record.category : record.scan_type;
        return {
            key,
            at: record.updated_at,
            title: record.person_name,
            time: this.timeText(record.date, record.time),
            details: [record.location?.name, record.type?.name],
            source: SOURCES[record.source],
            mark: record.voided
                ? { text: _t("Voided"), class: "text-bg-danger" }
                : MARKS[record.category === "absent" ? "absent" : way],
            isStruck: record.voided,
            open: () => this.openForm("spp.attendance.record", record.id),
        };
    }

    /** A local time, with its day if that isn't today. */
    timeText(date, time) {
        return date === this.day ? time : `${formatDate(deserializeDate(date))} ${time}`;
    }

    dropLine(key) {
        this.lines = this.lines.filter((line) => line.key !== key);
    }

    /** Put a line on top, in the place of what it said before. */
    addLine(line) {
        line.seenBy ||= this.findLine(line.key)?.seenBy;
        this.dropLine(line.key);
        this.lines = [line, ...this.lines].slice(0, MAX_LINES);
        return line;
    }

    findLine(key) {
        return this.lines.find((line) => line.key === key);
    }

    detailsText(line) {
        return [...line.details, line.seenBy || line.source].filter(Boolean).join(" · ");
    }

    announceSoon() {
        if (!this.news.line || this.timers.news) {
            return;
        }
        this.timers.news = browser.setTimeout(() => {
            const { count, line } = this.news;
            this.timers.news = null;
            this.news = { count: 0, line: null };
            this.state.announcement = _t("%(count)s new. Last: %(title)s, %(mark)s, %(time)s", {
                count: formatInteger(count),
                title: line.title,
                mark: line.mark.text,
                time: line.time,
            });
        }, ANNOUNCE_EVERY);
    }

    // ------------------------------------------------------------------ pause

    togglePause() {
        this.state.isPaused = !this.state.isPaused;
        this.state.waiting = 0;
        if (this.isOutdated && !this.state.isPaused) {
            this.kept = [];
            return this.read();
        }
        this.takeKept();
    }

    get pauseLabel() {
        if (!this.state.isPaused) {
            return _t("Pause");
        }
        return this.state.waiting
            ? _t("Go on (%s new)", formatInteger(this.state.waiting))
            : _t("Go on");
    }

    // ---------------------------------------------------------------- numbers

    get cards() {
        return [
            {
                name: "records",
                title: _t("Records today"),
                value: this.tally.total(),
                open: () => this.openRecords(_t("Records today"), []),
            },
            {
                name: "present",
                title: _t("Present"),
                value: this.tally.total("present"),
                open: () => this.openRecords(_t("Present"), [["category", "=", "present"]]),
            },
            {
                name: "absent",
                title: _t("Absent"),
                value: this.tally.total("absent"),
                open: () => this.openRecords(_t("Absent"), [["category", "=", "absent"]]),
            },
        ];
    }

    get locations() {
        return this.bars("location", _t("No location"));
    }

    get types() {
        return this.bars("type", _t("No type"));
    }

    bars(name, unknown) {
        return this.tally
            .sum(name)
            .map((sum) => ({ ...sum, key: sum.id, name: sum.id ? sum.name : unknown }));
    }

    // ---------------------------------------------------- what is behind them

    openForm(model, id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: model,
            res_id: id,
            views: [[false, "form"]],
        });
    }

    openList(name, model, domain, context = {}) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name,
            res_model: model,
            views: [
                [false, "list"],
                [false, "kanban"],
                [false, "form"],
            ],
            domain,
            context,
        });
    }

    openRecords(name, domain) {
        const all = Domain.and([this.domain, domain]).toList();
        return this.openList(name, "spp.attendance.record", all);
    }

    openAnalysis(field) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: _t("Attendance Analysis"),
            res_model: "spp.attendance.report",
            views: [
                [false, "pivot"],
                [false, "graph"],
                [false, "list"],
            ],
            domain: this.domain,
            context: {
                pivot_row_groupby: [field],
                pivot_column_groupby: [],
                graph_groupbys: [field],
            },
        });
    }

    openGroup(field, group) {
        return this.openRecords(group.name, [[field, "=", group.key || false]]);
    }
}

registry.category("actions").add("spp_attendance.live_board", LiveBoard);
