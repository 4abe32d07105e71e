import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, xml } from "@odoo/owl";

/** A tick for what counts one, nothing for what counts nothing; lists add it up. */
export class TickField extends Component {
    static template = xml`
        <t t-if="props.record.data[props.name]">
            <i class="fa fa-check text-success" role="img" t-att-aria-label="label" />
        </t>`;
    static props = { ...standardFieldProps };

    get label() {
        return _t("Yes");
    }
}

export const tickField = {
    component: TickField,
    displayName: _t("Tick"),
    supportedTypes: ["integer"],
};

registry.category("fields").add("spp_tick", tickField);
