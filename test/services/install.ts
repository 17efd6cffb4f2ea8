/** Installs what the tests' servers and judges need, so that no test waits; quick where it is there. */

import { hdfsLibraries } from "./hdfs.ts";
import { icebergEnvironment, icebergRuntime } from "./iceberg.ts";
import { judgeClasses } from "./judge-process.ts";
import { newCatalog } from "./metastore.ts";
import { s3Environment } from "./s3.ts";
import { schemaRegistryProgram } from "./schema-registry.ts";
import { sparkEnvironment } from "./spark.ts";

await judgeClasses();
await hdfsLibraries();
await s3Environment();
await schemaRegistryProgram();
await sparkEnvironment();
await icebergEnvironment();
await icebergRuntime();
await newCatalog("2.3.10");
await newCatalog("3.1.3");
await newCatalog("4.0.1");
