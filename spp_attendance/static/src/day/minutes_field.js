import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, xml } from "@odoo/owl";

import { formatMinutes } from "./hours";

/** Minutes that are only shown, as hours and minutes; nothing of none. */
export class MinutesField extends Component {
    static template = xml`<span t-out="text" />`;
    static props = { ...standardFieldProps };

    get text() {
        const value = this.props.record.data[this.props.name];
        return value ? formatMinutes(value) : "";
    }
}

registry.category("fields").add("spp_minutes", {
    component: MinutesField,
    displayName: _t("Hours and minutes"),
    supportedTypes: ["integer"],
    isEmpty: (record, name) => !record.data[name],
});
// Of totals below a list.
registry.category("formatters").add("spp_minutes", (value) => formatMinutes(value || 0));
