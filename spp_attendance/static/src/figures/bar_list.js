import { _t } from "@web/core/l10n/translation";
import { formatInteger } from "@web/views/fields/formatters";
import { Component } from "@odoo/owl";

/** Rows of a list of bars; all of them are in the analysis. */
const MAX_BARS = 10;

/** A row of bars of groups, the longest first; each opens its records. */
export class BarList extends Component {
    static template = "spp_attendance.BarList";
    static props = {
        title: String,
        groups: Array,
        measure: String,
        format: { type: Function, optional: true },
        onBarClick: Function,
        onMoreClick: Function,
    };
    static defaultProps = { format: formatInteger };

    get bars() {
        const { measure } = this.props;
        const groups = this.props.groups.toSorted((a, b) => b[measure] - a[measure]);
        const longest = groups[0]?.[measure] || 1;
        return groups.slice(0, MAX_BARS).map((group) => ({
            ...group,
            value: group[measure],
            width: (100 * group[measure]) / longest,
        }));
    }

    get hidden() {
        return Math.max(0, this.props.groups.length - MAX_BARS);
    }

    get moreLabel() {
        return _t("%s more in the analysis", this.hidden);
    }
}
