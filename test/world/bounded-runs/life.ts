/** One life of a bounded run, in a process of its own that may be told to die: FOLDER JOB BOUNDS. */

import path from "node:path";
import { runIn } from "./bounded.ts";

const [folder = ".", text = "", bounds = "{}"] = process.argv.slice(2);
await runIn(folder, text, {
  checkpointFolder: path.join(folder, "state"),
  bounds: JSON.parse(bounds) as { segmentBytes: number; heldRows: number },
});
