/** Formats `nginx` and `apache`: access logs whose layout is that of the server's own configuration. */

import { StreamkitError } from "../../base/error.ts";
import type { Format, FormatOptions } from "../format.ts";
import { linesFormat } from "../text.ts";
import { apacheLayout } from "./apache.ts";
import { type Layout, logFormatError } from "./layout/layout.ts";
import { layoutFormat } from "./layout/layout-format.ts";
import { nginxLayout } from "./nginx.ts";

export const nginxFormat: Format = serverFormat(
  "nginx",
  "nginx's access log by its log_format; columns are the variables",
  nginxLayout,
  `log_format: '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'`,
);

export const apacheFormat: Format = serverFormat(
  "apache",
  "Apache's access log by its LogFormat; columns are the directives",
  apacheLayout,
  String.raw`log_format: '%h %l %u %t "%r" %>s %b %D'`,
);

const WAY_OUT = "is log_format that of the server which wrote the line?";

function serverFormat(
  name: string,
  summary: string,
  layoutOf: (text: string) => Layout,
  example: string,
): Format {
  const unspecified = (): never => {
    throw new StreamkitError("bug", `format ${name} needs its log_format`);
  };
  return {
    ...linesFormat,
    name,
    summary,
    columns: unspecified,
    read: unspecified,
    takesLogFormat: true,
    of({ log_format: text }: FormatOptions) {
      if (text === undefined)
        throw logFormatError(
          undefined,
          `it is missing; format ${name} needs it as it stands in the server's configuration: ${example}`,
        );
      return layoutFormat({ name, summary, layout: layoutOf(text), wayOut: WAY_OUT });
    },
  };
}
