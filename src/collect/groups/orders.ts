/** In which order the members of a group are tried. */

type Order = (members: number) => readonly number[];

/** Always the first that works. */
export const failover: Order = (members) => Array.from({ length: members }, (_, index) => index);

/** Each batch begins with the next one. */
export function roundRobin(): Order {
  let next = 0;
  return (members) => {
    const first = next % members;
    next = first + 1;
    return Array.from({ length: members }, (_, index) => (first + index) % members);
  };
}

/** Each batch begins with any one. `random` gives numbers from 0 on, below 1. */
export function anyOrder(random: () => number): Order {
  return (members) => {
    const left = Array.from({ length: members }, (_, index) => index);
    return Array.from({ length: members }, () => left.splice(Math.floor(random() * left.length), 1)[0] ?? 0);
  };
}
