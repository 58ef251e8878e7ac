/** Reads the histories of all clients and says what must not have happened. */
import { inFlightMs, type Said, type Session, type Subscription } from './client.js';

/** A time in which something was broken, until all nodes were seen to have recovered. */
export interface Disturbance {
  readonly name: string;
  readonly from: number;
  readonly until: number;
}

export interface Verdict {
  readonly violations: string[];
  readonly acknowledged: number;
  readonly deliveries: number;
  /** Acknowledged and not delivered, in a disturbance, and reported by a gap. */
  readonly reportedLosses: number;
  readonly gaps: number;
}

/** @param ordering what the broker declares */
export function check(
  sessions: readonly Session[],
  disturbances: readonly Disturbance[],
  ordering: 'total' | 'publisher',
): Verdict {
  const violations: string[] = [];
  const said = new Map<string, Said>();
  for (const session of sessions) for (const each of session.said) said.set(each.id, each);
  const perChannel = new Map<string, Said[]>();
  for (const each of said.values()) {
    const list = perChannel.get(each.channel);
    if (list) list.push(each);
    else perChannel.set(each.channel, [each]);
  }
  let deliveries = 0;
  let reportedLosses = 0;
  let gaps = 0;
  for (const session of sessions) {
    for (const surprise of session.surprises) violations.push(`${session.name} got ${surprise}`);
    for (const [channel, subscriptions] of session.subscriptions) {
      for (const subscription of subscriptions) {
        const where = `${session.name} in ${channel}`;
        deliveries += subscription.received.length;
        gaps += subscription.gaps.length;
        violations.push(...checkReceived(where, subscription, said));
        const lost = findLost(subscription, perChannel.get(channel) ?? []);
        for (const each of lost) {
          const silent = checkLoss(where, subscription, each, said, disturbances);
          if (silent) violations.push(silent);
          else reportedLosses++;
        }
      }
    }
  }
  if (ordering === 'total') violations.push(...checkTotalOrder(sessions));
  const acknowledged = [...said.values()].filter(({ outcome }) => outcome === 'acknowledged').length;
  return { violations, acknowledged, deliveries, reportedLosses, gaps };
}

/** Nothing twice, nothing that was rejected, and what one connection published in its order. */
function checkReceived(where: string, { received }: Subscription, said: ReadonlyMap<string, Said>): string[] {
  const violations: string[] = [];
  const seen = new Set<string>();
  const last = new Map<Session, Said>();
  for (const { id } of received) {
    const each = said.get(id);
    if (!each) {
      violations.push(`${where}: ${id} was never said`);
      continue;
    }
    if (seen.has(id)) violations.push(`${where}: ${id} came twice`);
    seen.add(id);
    if (each.outcome === 'rejected') violations.push(`${where}: ${id} came, and was rejected`);
    const before = last.get(each.session);
    if (before && before.number > each.number) violations.push(`${where}: ${id} came after ${before.id}`);
    last.set(each.session, each);
  }
  return violations;
}

/** What was acknowledged while it was subscribed, and did not come. */
function findLost({ from, until, received }: Subscription, said: readonly Said[]): Said[] {
  const ids = new Set(received.map(({ id }) => id));
  return said.filter(
    ({ id, outcome, sentAt, toldAt }) => outcome === 'acknowledged' && sentAt > from && toldAt < until && !ids.has(id),
  );
}

/** @returns what is wrong with a loss; `undefined`: it was in a disturbance, and the client was told in time */
function checkLoss(
  where: string,
  { received, gaps, gapsAfter }: Subscription,
  lost: Said,
  said: ReadonlyMap<string, Said>,
  disturbances: readonly Disturbance[],
): string | undefined {
  const what = `${where}: ${lost.id}, acknowledged at ${lost.toldAt}, never came`;
  // What was acknowledged just before something broke was on its way.
  if (!disturbances.some(({ from, until }) => lost.toldAt >= from - inFlightMs && lost.sentAt <= until)) {
    return `${what}, and nothing was broken`;
  }
  const gap = gaps.findIndex((at) => at >= lost.sentAt);
  if (gap === -1) return `${what}, and no gap was reported`;
  // Whatever was said after it must have come behind the gap.
  const tooEarly = received
    .slice(0, gapsAfter[gap])
    .find(({ id, at }) => at >= lost.sentAt && (said.get(id)?.sentAt ?? 0) > lost.toldAt);
  return tooEarly && `${what}; the gap was reported behind ${tooEarly.id}, which was said later`;
}

/** All subscribers of a channel agree on an order: the union of what each of them saw has no circle. */
function checkTotalOrder(sessions: readonly Session[]): string[] {
  const violations: string[] = [];
  const sequences = new Map<string, string[][]>();
  for (const session of sessions) {
    for (const [channel, subscriptions] of session.subscriptions) {
      const all = sequences.get(channel) ?? [];
      sequences.set(channel, all);
      for (const { received } of subscriptions) all.push(received.map(({ id }) => id));
    }
  }
  for (const [channel, all] of sequences) {
    const after = new Map<string, Set<string>>();
    const incoming = new Map<string, number>();
    for (const ids of all) {
      for (const [index, id] of ids.entries()) {
        if (!after.has(id)) after.set(id, new Set());
        if (!incoming.has(id)) incoming.set(id, 0);
        const previous = ids[index - 1];
        if (previous === undefined || after.get(previous)!.has(id)) continue;
        after.get(previous)!.add(id);
        incoming.set(id, incoming.get(id)! + 1);
      }
    }
    const free = [...incoming].filter(([, count]) => count === 0).map(([id]) => id);
    let ordered = 0;
    for (let id = free.pop(); id !== undefined; id = free.pop()) {
      ordered++;
      for (const next of after.get(id)!) {
        const left = incoming.get(next)! - 1;
        incoming.set(next, left);
        if (left === 0) free.push(next);
      }
    }
    if (ordered < incoming.size) violations.push(`${channel}: ${incoming.size - ordered} publications in no one order`);
  }
  return violations;
}
