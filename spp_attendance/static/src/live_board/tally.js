/**
 * How many records there are by location, type and category, kept up to date from what
 * is told of single ones.
 *
 * A record may be told of again, after it was corrected or voided: what it counted for
 * is remembered. Of one that was counted by the server it isn't known; its id is not
 * above `lastId`.
 */
export class Tally {
    /**
     * @param {Object} board
     * @param {Object[]} board.groups `{location, type, category, records}`
     * @param {number} board.lastId the highest id among the counted
     * @param {Function} board.counts whether a record, as it was told of, counts
     */
    constructor({ groups, lastId, counts }) {
        this.lastId = lastId;
        this.counts = counts;
        this.groups = new Map(groups.map((group) => [this.key(group), { ...group }]));
        /** By id of a record: the group that it is counted in, or null. */
        this.known = new Map();
    }

    key({ location, type, category }) {
        return `${location ? location.id : 0} ${type ? type.id : 0} ${category}`;
    }

    /** A record that the server has counted, as it was then. */
    remember(record) {
        const group = this.groups.get(this.key(record));
        this.known.set(record.id, (this.counts(record) && group) || null);
    }

    /**
     * @param {Object} record as it was told of
     * @returns {boolean} whether the numbers are right; they have to be asked for anew
     *  otherwise
     */
    update(record) {
        const before = this.known.get(record.id);
        if (before === undefined && record.id <= this.lastId) {
            this.known.set(record.id, null);
            return false;
        }
        let group = null;
        let isNewPlace = false;
        if (this.counts(record)) {
            const key = this.key(record);
            group = this.groups.get(key);
            if (!group) {
                const { location, type, category } = record;
                isNewPlace =
                    location && !this.sum("location").some(({ id }) => id === location.id);
                group = { location, type, category, records: 0 };
                this.groups.set(key, group);
            }
        }
        if (before) {
            before.records--;
        }
        if (group) {
            group.records++;
        }
        this.known.set(record.id, group);
        // A location's full name is the server's to tell.
        return !isNewPlace;
    }

    /** Records altogether, or of a category. */
    total(category) {
        let total = 0;
        for (const group of this.groups.values()) {
            if (!category || group.category === category) {
                total += group.records;
            }
        }
        return total;
    }

    /**
     * @param {"location"|"type"} name
     * @returns {Object[]} `{id, name, records}`, without those that have none; id 0 and
     *  no name for records that have no location or type
     */
    sum(name) {
        const sums = new Map();
        for (const group of this.groups.values()) {
            const { id, name: label } = group[name] || { id: 0, name: "" };
            const sum = sums.get(id) || { id, name: label, records: 0 };
            sum.records += group.records;
            sums.set(id, sum);
        }
        return [...sums.values()].filter((sum) => sum.records);
    }
}
