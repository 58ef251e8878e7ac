/** A process that has not reported for so long is not there any more: it reports once a second. */
const silentMs = 3500;

/** What all processes have open: the sum of what each of them reports. */
export class Totals {
  #reports = new Map();

  add(report) {
    this.#reports.set(report.node, { ...report, at: performance.now() });
  }

  /** Forgets all: after a loss of the connection nothing of it may be true. */
  clear() {
    this.#reports.clear();
  }

  /** `nodes`, `connections`, and of both lists what is listed: `channels` by name, `people` by id. */
  sum() {
    for (const [node, { at }] of this.#reports) {
      if (performance.now() - at > silentMs) this.#reports.delete(node);
    }
    const nodes = [...this.#reports.values()];
    const channels = new Map();
    const people = new Map();
    for (const node of nodes) {
      for (const [channel, count] of node.channels) add(channels, channel, count);
      for (const { id, name, tabs, places } of node.people) {
        const person = people.get(id) ?? { id, name, tabs: 0, places: new Set() };
        people.set(id, person);
        person.tabs += tabs;
        for (const place of places) person.places.add(place);
      }
    }
    return { nodes, connections: nodes.reduce((sum, node) => sum + node.connections, 0), channels, people };
  }
}

function add(counts, key, count) {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
