import { _t } from "@web/core/l10n/translation";
import { patch } from "@web/core/utils/patch";
import { formatInteger } from "@web/views/fields/formatters";
import { LiveBoard } from "@spp_attendance/live_board/live_board";

const { DateTime } = luxon;

/** Terminals that are shown; all of them are in their list. */
const MAX_MACHINES = 8;

/** How terminals may be, in the order in which they are shown. */
const HEALTH = {
    offline: { text: _t("Offline"), class: "text-bg-danger" },
    degraded: { text: _t("Degraded"), class: "text-bg-warning" },
    never: { text: _t("Never seen"), class: "text-bg-info" },
    healthy: { text: _t("Healthy"), class: "text-bg-success" },
    disabled: { text: _t("Disabled"), class: "text-bg-secondary" },
};
const ORDER = Object.keys(HEALTH);

/** What became of a scan. */
const STATES = {
    matched: { text: _t("Matched"), class: "text-bg-success" },
    unmatched: { text: _t("Unmatched"), class: "text-bg-warning" },
    duplicate: { text: _t("Duplicate"), class: "text-bg-secondary" },
    rejected: { text: _t("Rejected"), class: "text-bg-danger" },
};

/** Scans as they are read, and how the terminals are. */
patch(LiveBoard.prototype, {
    show(board) {
        const machines = board.machines?.map((machine) => [machine.id, machine]);
        this.machines = machines && new Map(machines);
        /** By id of a scan: what had become of it. */
        this.scanStates = new Map();
        this.lastScan = 0;
        super.show(board);
    },

    remember(event) {
        if (event.type === "scan_received") {
            const { id, state } = event.data;
            this.scanStates.set(id, state);
            this.lastScan = Math.max(this.lastScan, id);
        }
        super.remember(event);
    },

    isNews(event) {
        const { type, data } = event;
        if (type === "scan_received") {
            // What was matched is told of as attendance, too.
            return data.state !== "matched" && !this.findLine(`scan-${data.id}`);
        }
        return type.startsWith("machine_") || super.isNews(event);
    },

    take(event) {
        switch (event.type) {
            case "scan_received":
                return this.takeScan(event.data);
            case "machine_connected":
            case "machine_disconnected":
                return this.takeMachine(event);
            case "error_occurred":
                if (event.machine_id) {
                    return this.takeFault(event);
                }
                break;
            case "system_status":
                this.checkMachines(event.data);
        }
        return super.take(event);
    },

    // ------------------------------------------------------------------ scans

    takeScan(scan) {
        this.countUnmatched(scan);
        if (!this.isPlaceShown(scan.location) || !this.isMachineTypeShown(scan.machine)) {
            return;
        }
        if (!scan.record_id) {
            return this.addLine(this.scanLine(`scan-${scan.id}`, scan));
        }
        // One line for both, the scan and the attendance that it became.
        this.dropLine(`scan-${scan.id}`);
        const key = `record-${scan.record_id}`;
        const line = this.findLine(key);
        if (!line) {
            return this.addLine(this.scanLine(key, scan));
        }
        line.seenBy = scan.machine_name;
    },

    /** Keep the number of unmatched scans; the status says whether it is right. */
    countUnmatched({ id, machine, state }) {
        const before = this.scanStates.get(id);
        const isNew = before === undefined && id > this.lastScan;
        this.scanStates.set(id, state);
        const found = this.machines?.get(machine);
        if (!found) {
            return;
        }
        if (isNew || before !== undefined) {
            found.unmatched_scans += (state === "unmatched") - (before === "unmatched");
        }
    },

    scanLine(key, scan) {
        const badge = scan.badge ? _t("Badge %s", scan.badge) : _t("No badge number");
        const [date, time] = (scan.scan_time || "").split("T");
        return {
            key,
            at: scan.received_at,
            title: scan.employee_name || badge,
            time: time ? this.timeText(date, time.slice(0, 8)) : scan.local_time_raw,
            details: [scan.location?.name],
            seenBy: scan.machine_name,
            mark: STATES[scan.state],
            open: () => this.openForm("spp.attendance.scan", scan.id),
        };
    },

    // -------------------------------------------------------------- terminals

    takeMachine({ data, timestamp, type }) {
        if (!this.machines) {
            return;
        }
        this.machines.set(data.id, data);
        const mark =
            type === "machine_connected"
                ? { text: _t("Connected"), class: "text-bg-success" }
                : HEALTH[data.health];
        return this.addMachineLine("machine", data, timestamp, mark);
    },

    takeFault({ machine_id, timestamp }) {
        const machine = this.machines?.get(machine_id);
        if (machine) {
            const mark = { text: _t("Fault"), class: "text-bg-danger" };
            return this.addMachineLine("fault", machine, timestamp, mark);
        }
    },

    addMachineLine(kind, machine, timestamp, mark) {
        if (!this.isRecordShown(machine)) {
            return;
        }
        return this.addLine({
            key: `${kind}-${machine.id}`,
            at: timestamp,
            isPassing: true,
            title: machine.name,
            time: DateTime.fromISO(timestamp).toFormat("HH:mm:ss"),
            details: [machine.location?.name],
            source: _t("Terminal"),
            mark,
            open: () => this.openMachine(machine),
        });
    },

    /** Read the board again where the server counts its terminals otherwise. */
    checkMachines({ machines, unmatched_scans }) {
        if (!this.machines || !machines) {
            return;
        }
        const all = [...this.machines.values()];
        const differs =
            all.length !== machines.total ||
            this.unmatched(all) !== unmatched_scans ||
            ORDER.some((health) => this.ofHealth(all, health) !== machines[health]);
        if (differs) {
            this.readSoon();
        }
    },

    isMachineTypeShown(id) {
        return this.isTypeShown(this.machines?.get(id)?.type);
    },

    unmatched(machines) {
        return machines.reduce((sum, machine) => sum + machine.unmatched_scans, 0);
    },

    ofHealth(machines, ...healths) {
        return machines.filter(({ health }) => healths.includes(health)).length;
    },

    get shownMachines() {
        return [...(this.machines?.values() || [])]
            .filter((machine) => this.isRecordShown(machine))
            .sort(
                (a, b) =>
                    ORDER.indexOf(a.health) - ORDER.indexOf(b.health) ||
                    a.name.localeCompare(b.name)
            );
    },

    get machineRows() {
        return this.shownMachines.slice(0, MAX_MACHINES).map((machine) => ({
            machine,
            key: machine.id,
            name: machine.name,
            place: machine.location?.name,
            mark: HEALTH[machine.health],
            waiting: machine.unmatched_scans
                ? _t("%s unmatched", formatInteger(machine.unmatched_scans))
                : "",
        }));
    },

    get moreMachines() {
        const more = this.shownMachines.length - MAX_MACHINES;
        return more > 0 ? _t("%s more terminals", formatInteger(more)) : "";
    },

    get cards() {
        const cards = super.cards;
        if (!this.machines) {
            return cards;
        }
        const machines = this.shownMachines;
        const offline = this.ofHealth(machines, "offline");
        const unmatched = this.unmatched(machines);
        return [
            ...cards,
            {
                name: "terminals",
                title: _t("Terminals connected"),
                value: this.ofHealth(machines, "healthy", "degraded"),
                class: offline ? "text-danger" : "",
                detail: _t("of %(all)s, %(offline)s offline", {
                    all: formatInteger(machines.length),
                    offline: formatInteger(offline),
                }),
                open: () => this.openMachines(),
            },
            {
                name: "unmatched",
                title: _t("Unmatched scans"),
                value: unmatched,
                class: unmatched ? "text-warning-emphasis" : "",
                detail: _t("of badges that are nobody's yet"),
                open: () => this.openUnmatched(),
            },
        ];
    },

    openMachine(machine) {
        return this.openForm("spp.attendance.device", machine.id);
    },

    openMachines() {
        return this.action.doAction("spp_attendance_devices.spp_attendance_device_action");
    },

    openUnmatched() {
        return this.action.doAction("spp_attendance_devices.spp_attendance_scan_badge_action");
    },
});
