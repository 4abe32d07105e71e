import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatInteger, formatPercentage } from "@web/views/fields/formatters";

import { RunProgress } from "../progress/run_progress";

const COUNTS = ["read_count", "created_count", "updated_count", "unchanged_count", "rejected_count"];

/** How far an import has got. */
export class ImportProgress extends RunProgress {
    static fields = [...COUNTS, "state", "total", "progress", "is_dry_run"];

    /** Nobody said how many rows there are. */
    get isEndless() {
        return this.isAtWork && !this.state.run.total;
    }

    get label() {
        return _t("Progress of the import");
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

    get figureLabels() {
        return this.state.run.is_dry_run
            ? [
                  ["created_count", _t("Would be created")],
                  ["updated_count", _t("Would be changed")],
                  ["unchanged_count", _t("Unchanged")],
                  ["rejected_count", _t("Would be rejected")],
              ]
            : [
                  ["created_count", _t("Created")],
                  ["updated_count", _t("Changed")],
                  ["unchanged_count", _t("Unchanged")],
                  ["rejected_count", _t("Rejected")],
              ];
    }

    figureClass(name) {
        return name === "rejected_count" && this.state.run[name] ? "text-danger" : "";
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
