import { registry } from "@web/core/registry";
import { useDebounced } from "@web/core/utils/timing";
import { CharField, charField } from "@web/views/fields/char/char_field";

/** Milliseconds without a key before the values beside a path are asked for. */
const PAUSE = 400;

/**
 * Where something stands in what a registry sends.
 *
 * It offers the paths of the sample, each with the value there, and tells the model of
 * each change as it is typed, so that the values beside it follow.
 */
export class ImportPathField extends CharField {
    static template = "spp_attendance.ImportPathField";

    setup() {
        super.setup();
        this.commit = useDebounced(() => this.update(), PAUSE);
    }

    get listId() {
        return `${this.props.id || this.props.name}_paths`;
    }

    /** Pairs of a path and an example of what is there. */
    get paths() {
        return this.props.record.evalContext.parent?.sample_paths || [];
    }

    update() {
        const value = this.input.el?.value.trim();
        const { record, name } = this.props;
        if (value !== undefined && value !== (record.data[name] || "")) {
            return record.update({ [name]: value });
        }
    }
}

registry.category("fields").add("attendance_import_path", {
    ...charField,
    component: ImportPathField,
});
