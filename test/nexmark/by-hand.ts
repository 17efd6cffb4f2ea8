/**
 * Nexmark's questions answered by plain loops over the events: a second opinion on the SQL texts. Rows have
 * the columns of the queries, in their order.
 */

interface Person {
  readonly id: number;
  readonly name: string;
  readonly city: string;
  readonly state: string;
}

interface Auction {
  readonly id: number;
  readonly expires: string;
  readonly seller: number;
  readonly category: number;
}

interface Bid {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  readonly extra: string;
}

/** Times as texts have one length, so their order is that of the texts. */
type At<T> = T & { readonly ts: string };

export interface House {
  readonly persons: readonly At<Person>[];
  readonly auctions: readonly At<Auction>[];
  readonly bids: readonly At<Bid>[];
}

type Row = readonly (number | string)[];

interface Event {
  readonly ts: string;
  readonly Person?: Person;
  readonly Auction?: Auction;
  readonly Bid?: Bid;
}

export function houseOf(lines: readonly string[]): House {
  const events = lines.map((line) => JSON.parse(line) as Event);
  return {
    persons: events.flatMap(({ Person, ts }) => (Person === undefined ? [] : [{ ...Person, ts }])),
    auctions: events.flatMap(({ Auction, ts }) => (Auction === undefined ? [] : [{ ...Auction, ts }])),
    bids: events.flatMap(({ Bid, ts }) => (Bid === undefined ? [] : [{ ...Bid, ts }])),
  };
}

const WINDOW_MS = 10_000;
const SLIDE_MS = 2000;
const GAP_MS = 10_000;

/** The queries that have a second opinion. */
export const BY_HAND: Readonly<Record<string, (house: House) => Row[]>> = {
  q2: ({ bids }) =>
    bids.filter(({ auction }) => auction % 123 === 0).map(({ auction, price }) => [auction, price]),

  q3: ({ persons, auctions }) => {
    const person = new Map(persons.map((one) => [one.id, one]));
    return auctions.flatMap(({ id, seller, category }): Row[] => {
      const { name, city, state } = person.get(seller) ?? { name: "", city: "", state: "" };
      return category === 10 && /^(?:OR|ID|CA)$/.test(state) ? [[name, city, state, id]] : [];
    });
  },

  q4: (house) => {
    const sold = [...winners(house)].map(([auction, bid]) => ({ ...auction, final: bid.price }));
    return [...grouped(sold, ({ category }) => category)].map(([category, all]) => [
      category,
      mean(all.map(({ final }) => final)),
    ]);
  },

  q5: ({ bids }) => {
    const inWindows = bids.flatMap((bid) => {
      const lastMs = floor(bid.ts, SLIDE_MS);
      const hops = Array.from({ length: WINDOW_MS / SLIDE_MS }, (_, hop) => lastMs - hop * SLIDE_MS);
      return hops.map((startMs) => ({ startMs, auction: bid.auction }));
    });
    return [...grouped(inWindows, ({ startMs }) => startMs)].flatMap(([startMs, rows]) => {
      const counts = [...grouped(rows, ({ auction }) => auction)].map(
        ([auction, bids]) => [auction, bids.length] as const,
      );
      const most = Math.max(...counts.map(([, count]) => count));
      return counts
        .filter(([, count]) => count === most)
        .map(([auction, count]): Row => [auction, count, timeText(startMs)]);
    });
  },

  q6: (house) => {
    const sold = [...winners(house)].map(([auction, bid]) => ({ ...auction, final: bid.price }));
    return [...grouped(sold, ({ seller }) => seller)].map(([seller, all]) => {
      const last = all.toSorted((a, b) => compare([b.expires, b.id], [a.expires, a.id])).slice(0, 10);
      return [seller, mean(last.map(({ final }) => final))];
    });
  },

  q7: ({ bids }) =>
    [...grouped(bids, ({ ts }) => floor(ts, WINDOW_MS))].flatMap(([, inWindow]) => {
      const highest = inWindow.reduce((price, bid) => Math.max(price, bid.price), 0);
      return inWindow
        .filter(({ price }) => price === highest)
        .map(({ auction, price, bidder, ts, extra }): Row => [auction, price, bidder, ts, extra]);
    }),

  q8: ({ persons, auctions }) => {
    const sellers = new Set(auctions.map(({ seller, ts }) => `${seller} ${floor(ts, WINDOW_MS)}`));
    return persons
      .filter(({ id, ts }) => sellers.has(`${id} ${floor(ts, WINDOW_MS)}`))
      .map(({ id, name, ts }) => [id, name, timeText(floor(ts, WINDOW_MS))]);
  },

  q11: ({ bids }) =>
    [...grouped(bids, ({ bidder }) => bidder)].flatMap(([bidder, all]) => {
      const timesMs = all.map(({ ts }) => Date.parse(ts)).toSorted((a, b) => a - b);
      const sessions: number[][] = [];
      for (const timeMs of timesMs) {
        const session = sessions.at(-1);
        if (session !== undefined && timeMs - (session.at(-1) ?? 0) < GAP_MS) session.push(timeMs);
        else sessions.push([timeMs]);
      }
      return sessions.map((session): Row => {
        const [firstMs = 0, lastMs = 0] = [session[0], session.at(-1)];
        return [bidder, session.length, timeText(firstMs), timeText(lastMs + GAP_MS)];
      });
    }),

  q15: ({ bids }) =>
    [...grouped(bids, ({ ts }) => ts.slice(0, 10))].map(([day, all]) => {
      const ranks = [
        all,
        all.filter(({ price }) => price < 10_000),
        all.filter(({ price }) => price >= 10_000 && price < 1_000_000),
        all.filter(({ price }) => price >= 1_000_000),
      ];
      return [
        day,
        ...ranks.map((bids) => bids.length),
        ...ranks.map((bids) => new Set(bids.map(({ bidder }) => bidder)).size),
        ...ranks.map((bids) => new Set(bids.map(({ auction }) => auction)).size),
      ];
    }),

  q18: ({ bids }) =>
    [...grouped(bids, ({ bidder, auction }) => `${bidder} ${auction}`)].map(([, all]) => {
      const lastFirst = all.toSorted((a, b) => compare([b.ts], [a.ts]) || compare(restOf(a), restOf(b)));
      const { auction, bidder, price, channel, url, ts, extra } = lastFirst[0] as At<Bid>;
      return [auction, bidder, price, channel, url, ts, extra];
    }),

  q19: ({ bids }) =>
    [...grouped(bids, ({ auction }) => auction)].flatMap(([, all]) =>
      all
        .toSorted(
          (a, b) => b.price - a.price || compare([a.ts, a.bidder, a.extra], [b.ts, b.bidder, b.extra]),
        )
        .slice(0, 10)
        .map(({ auction, bidder, price, channel, url, extra, ts }, index): Row => {
          return [auction, bidder, price, channel, url, extra, ts, index + 1];
        }),
    ),
};

/** Each auction that was bid for while it was open, and its highest bid. */
function winners({ auctions, bids }: House): Map<At<Auction>, At<Bid>> {
  const byAuction = grouped(bids, ({ auction }) => auction);
  const found = new Map<At<Auction>, At<Bid>>();
  for (const auction of auctions) {
    const inTime = (byAuction.get(auction.id) ?? []).filter(
      ({ ts }) => auction.ts <= ts && ts <= auction.expires,
    );
    const [best] = inTime.toSorted((a, b) => b.price - a.price || compare([a.ts], [b.ts]));
    if (best !== undefined) found.set(auction, best);
  }
  return found;
}

function grouped<T, K>(rows: readonly T[], keyOf: (row: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

function restOf({ price, channel, url, extra }: Bid): Row {
  return [price, channel, url, extra];
}

/** Column by column; each has numbers only, or texts only. */
function compare(a: Row, b: Row): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? value;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function floor(ts: string, stepMs: number): number {
  return Math.floor(Date.parse(ts) / stepMs) * stepMs;
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
