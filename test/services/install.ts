/** Installs what the tests' Java servers need, so that no test waits for it; quick where it is there. */

import { hdfsLibraries } from "./hdfs.ts";
import { judgeClasses } from "./judge-process.ts";
import { schemaRegistryProgram } from "./schema-registry.ts";

await judgeClasses();
await hdfsLibraries();
await schemaRegistryProgram();
