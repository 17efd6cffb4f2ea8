/** What URLs look like in everything that is printed. */

import { expect, test } from "bun:test";
import { withoutUrlSecrets } from "../../src/base/redact.ts";

test.each([
  ["no URL at all: 5@7?a=b", "no URL at all: 5@7?a=b"],
  ["http://host:80/path is away", "http://host:80/path is away"],
  ["http://u:s3cret@host/p?key=s3cret&x=1#f", "http://host/p?key=…&x=…#f"],
  ["postgres://user:p/a:s3@host:5432/db", "postgres://host:5432/db"],
  ["kafka://h1:9092,h2:9092/topic?s3cret", "kafka://h1:9092,h2:9092/topic?…"],
  ['two: "s3://a:s3cret@b/c" and smtps://s3cret@mail', 'two: "s3://b/c" and smtps://mail'],
  ["http://host/p?mail=a@b.example, later a@b", "http://host/p?mail=… later a@b"],
  ["S3 (http://u:s3cret@127.0.0.1:1) failed", "S3 (http://127.0.0.1:1) failed"],
])("%s", (text, shown) => {
  expect(withoutUrlSecrets(text)).toBe(shown);
});
