/** Access logs that servers write unless told otherwise, each as its layout. */

import type { Format } from "../format.ts";
import { apacheLayout } from "./apache.ts";
import type { Layout } from "./layout/layout.ts";
import { layoutFormat } from "./layout/layout-format.ts";
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

export const traefikClfFormat: Format = layoutFormat({
  name: "traefik_clf",
  summary: "Traefik's access log in its common form",
  layout: nginxLayout(
    '$remote_addr $ident $remote_user [$time_local] "$request" $status $body_bytes_sent ' +
      '"$http_referer" "$http_user_agent" $request_count "$router" "$server_url" ${duration_ms}ms',
    { request_count: { type: "BIGINT" }, duration_ms: { type: "BIGINT" } },
  ),
});

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html */
export const albFormat: Format = layoutFormat({
  name: "alb",
  summary: "access log of an Application Load Balancer of AWS",
  layout: {
    ...nginxLayout(
      "$type $time_iso8601 $elb $remote_addr:$client_port $target " +
        "$request_processing_time $target_processing_time $response_processing_time " +
        "$status $target_status_code $received_bytes $body_bytes_sent " +
        '"$request_method $origin$request_uri $server_protocol" "$http_user_agent" ' +
        '$ssl_cipher $ssl_protocol $target_group_arn "$trace_id" "$host" "$chosen_cert_arn" ' +
        '$matched_rule_priority $request_creation_time "$actions_executed" "$redirect_url" ' +
        '"$error_reason" "$target_list" "$target_status_code_list" "$classification" ' +
        '"$classification_reason" $conn_trace_id',
      {
        remote_addr: { pattern: "[^ ]*" },
        client_port: { type: "INTEGER" },
        request_processing_time: { type: "DOUBLE" },
        target_processing_time: { type: "DOUBLE" },
        response_processing_time: { type: "DOUBLE" },
        target_status_code: { type: "INTEGER" },
        received_bytes: { type: "BIGINT" },
        // A request that can't be read is `- http://HOST:PORT- -`.
        origin: { pattern: '[a-z0-9]+://[^/ "]*' },
        matched_rule_priority: { type: "INTEGER" },
        request_creation_time: { type: { time: "iso" } },
      },
    ),
    escapes: "quotes",
    // AWS has added values at the end, and says that it will.
    more: "anything",
    optionalTokens: 12,
  },
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
