import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { STATIC_ACTIONS_GROUP_NUMBER } from "@web/search/action_menus/action_menus";
import { Component } from "@odoo/owl";

/** The way from the list of people to the registries that they come from. */
export class ImportFromRegistry extends Component {
    static template = "spp_attendance.ImportFromRegistry";
    static components = { DropdownItem };
    static props = {};

    setup() {
        this.action = useService("action");
    }

    open() {
        this.action.doAction("spp_attendance.spp_attendance_import_source_action");
    }
}

registry.category("cogMenu").add(
    "attendance-import-from-registry",
    {
        Component: ImportFromRegistry,
        groupNumber: STATIC_ACTIONS_GROUP_NUMBER,
        isDisplayed: async ({ config, searchModel }) =>
            searchModel?.resModel === "spp.attendance.subscriber" &&
            config.actionType === "ir.actions.act_window" &&
            ["kanban", "list"].includes(config.viewType) &&
            (await user.hasGroup("spp_attendance.spp_attendance_group_manager")),
    },
    // Next to the import of a sheet.
    { sequence: 2 }
);
