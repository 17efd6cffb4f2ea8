/** Access logs that servers write unless told otherwise, each as its layout. */

import type { Format } from "../format.ts";
import { apacheLayout } from "./apache.ts";
import type { Layout } from "./layout.ts";
import { layoutFormat } from "./layout-format.ts";
import { nginxLayout } from "./nginx.ts";

const COMMON = '%h %l %u %t "%r" %>s %b';
const COMBINED = `${COMMON} "%{Referer}i" "%{User-Agent}i"`;

/** Apache and nginx write these the same way but for their escapes: those of a quote alone are taken back. */
function shared(text: string, more: Layout["more"]): Layout {
  return { ...apacheLayout(text), escapes: "quotes", more };
}

export const combinedFormat: Format = layoutFormat({
  name: "combined",
  summary: "Apache's and nginx's combined access log; more values behind it are passed over",
  layout: shared(COMBINED, "values"),
});

export const commonFormat: Format = layoutFormat({
  name: "common",
  summary: "Apache's common access log (CLF)",
  layout: shared(COMMON, "none"),
});

export const vhostCombinedFormat: Format = layoutFormat({
  name: "vhost_combined",
  summary: "Apache's combined access log behind the server's name and port",
  layout: shared(`%v:%p ${COMBINED}`, "values"),
});

export const mainFormat: Format = layoutFormat({
  name: "main",
  summary: "nginx's access log as its packages set it up: combined and $http_x_forwarded_for",
  layout: {
    ...nginxLayout(
      '$remote_addr $ident $remote_user [$time_local] "$request" $status $body_bytes_sent ' +
        '"$http_referer" "$http_user_agent" "$http_x_forwarded_for"',
    ),
    more: "values",
  },
});
