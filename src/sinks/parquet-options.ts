/** What a job says of a table that it writes. */

import { z } from "zod";
import { durationField, sizeField } from "../job/fields.ts";
import { TABLE_NAME } from "../warehouse/hive-layout.ts";
import { isMetastore } from "../warehouse/metastore/hive-metastore.ts";
import { warehouseProblem } from "../warehouse/stores.ts";

export const parquetOptions = z.strictObject({
  warehouse: z
    .string()
    .superRefine((text, context) => {
      const message = warehouseProblem(text);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    })
    .default("./warehouse")
    .describe(
      "where all tables are: a folder, relative to the job file, `webhdfs://HOST:PORT/PATH` or " +
        "`s3://BUCKET/PREFIX`",
    ),
  table: z
    .string()
    .regex(
      TABLE_NAME,
      "a table is called NAME or DATABASE.NAME, each a letter and then letters, digits and _",
    )
    .describe("the table's name: NAME or DATABASE.NAME"),
  partition_by: z
    .array(z.string())
    .default([])
    .describe("partition folders: a column, or `NAME=EXPRESSION` like `dt=window_start::DATE`"),
  roll: z
    .strictObject({
      rows: z.int().positive().optional().describe("a partition's file is written when so many rows wait"),
      bytes: sizeField.optional().describe("or when its file will be about so large, like 128MiB"),
      every: durationField.optional().describe("or when a row has waited for so long, like 10m"),
    })
    .optional()
    .describe(
      "few large files: rows wait in the checkpoint until a threshold is reached, their partition is " +
        "complete, or the input ends; without it every batch writes its files",
    ),
  complete: z
    .strictObject({
      when: z
        .string()
        .optional()
        .describe(
          "SQL over the partition columns and `watermark` that says that no row is to come, like " +
            "`dt < watermark::DATE`; if left out, partition columns that are computed from an event " +
            "time tell it",
        ),
      delay: durationField.default(0).describe("how much later than that the watermark must be"),
      success_file: z.boolean().default(true).describe("a file `_SUCCESS` in a partition that is complete"),
      run: z
        .string()
        .optional()
        .describe(
          "a shell command for each; $STREAMKIT_TABLE, $STREAMKIT_PARTITION and $STREAMKIT_LOCATION name it",
        ),
      post: z
        .url()
        .optional()
        .describe("a URL that gets a POST of `table`, `partition` and `location` for each"),
    })
    .prefault({})
    .describe("what is done when the watermark passes a partition, after the commit and at least once"),
  late_partitions: z
    .enum(["reopen", "dead_letter"])
    .default("reopen")
    .describe(
      "rows of a partition that is complete: written into it, which completes it again; or dead letters",
    ),
  metastore: z
    .string()
    .refine(isMetastore, "a metastore is thrift://HOST:PORT")
    .optional()
    .describe(
      "thrift://HOST:PORT of a Hive Metastore, or several with commas between: it gets the table, and the " +
        "partitions that are complete",
    ),
  location: z
    .string()
    .optional()
    .describe(
      "what other engines call the warehouse, like hdfs://NAMENODE/warehouse; if left out, its own name " +
        "with file:, webhdfs: or s3a:",
    ),
  add_columns: z
    .boolean()
    .default(false)
    .describe("columns that the metastore's table lacks are added to it; else they are refused"),
  keep: durationField.optional().describe("partitions that are older than this by the watermark are removed"),
  beside_others: z
    .boolean()
    .default(false)
    .describe("true: other jobs write to the table too, each under a name of its own"),
});

export type ParquetOptions = z.infer<typeof parquetOptions>;
