import { deserializeDate, formatDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatInteger, formatPercentage } from "@web/views/fields/formatters";

import { RunProgress } from "./run_progress";

/** How far a backfill of days has got. */
export class DayRunProgress extends RunProgress {
    static fields = ["state", "progress", "total", "done_count", "changed_count", "at_date"];

    get label() {
        return _t("Progress of the backfill");
    }

    get summary() {
        const { state, total, done_count, at_date } = this.state.run;
        const percentage = formatPercentage(this.percent / 100);
        switch (state) {
            case "draft":
                return _t("Not started yet.");
            case "running":
                if (!this.percent && !done_count) {
                    return _t("It begins by itself within moments. You can leave this page.");
                }
                return _t(
                    "%(percentage)s: now at days from %(date)s on, %(people)s of %(total)s people. You can leave this page.",
                    {
                        percentage,
                        // Read by the form it is a date already.
                        date: formatDate(
                            typeof at_date === "string" ? deserializeDate(at_date) : at_date
                        ),
                        people: formatInteger(done_count),
                        total: formatInteger(total),
                    }
                );
            case "done":
                return _t("Done: the days of %s people.", formatInteger(total));
            case "failed":
                return _t("Stopped by a fault at %s.", percentage);
            default:
                return _t("Cancelled at %s. What was computed stays.", percentage);
        }
    }

    get figureLabels() {
        return [
            ["total", _t("People")],
            ["changed_count", _t("Days Changed")],
        ];
    }
}

registry.category("view_widgets").add("attendance_day_run_progress", {
    component: DayRunProgress,
    additionalClasses: ["d-block", "w-100"],
    fieldDependencies: [
        { name: "state", type: "selection" },
        { name: "progress", type: "float" },
        { name: "total", type: "integer" },
        { name: "done_count", type: "integer" },
        { name: "changed_count", type: "integer" },
        { name: "at_date", type: "date" },
    ],
});
