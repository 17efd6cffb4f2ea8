/** The flags of `npm run torture`, and what it says for --help. */

import { parseArgs } from "node:util";

const HELP = `npm run torture -- [--kafka | --iceberg | --disk] [--kills N] [--seed S]

Kills the built binary at its failpoints and at any other moment, starts it again, and compares all that its
sinks hold with the batch answer of DuckDB. Prints the seed of each episode, and for one that went wrong the
command that repeats it; exit code 1 then.

  --kafka     from topic to topic and to Parquet, with a real broker that is killed in every tenth life
  --iceberg   into Iceberg tables, as pyiceberg reads them
  --disk      on a disk in memory that loses power, runs full or breaks at any of its changes (needs root)
  --kills N   how many kills (1000; with Kafka 300, on a disk 2000)
  --seed S    of the first episode; any number if left out
`;

/** Says how to use it and ends the process where that is asked for, or where a flag is wrong. */
export function tortureFlags(defaultKills: number): { readonly kills: number; readonly seed: number } {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: "boolean", short: "h" },
        kafka: { type: "boolean" },
        iceberg: { type: "boolean" },
        disk: { type: "boolean" },
        kills: { type: "string", default: String(defaultKills) },
        seed: { type: "string", default: String(1 + (Date.now() % 1_000_000_000)) },
      },
    });
    if (values.help === true) {
      process.stdout.write(HELP);
      process.exit(0);
    }
    return { kills: countOf("--kills", values.kills), seed: countOf("--seed", values.seed) };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(2);
  }
}

function countOf(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`${flag} must be a whole number over 0: found "${text}"`);
}
