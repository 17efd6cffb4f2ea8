/** Flume's interceptors as ours. */

import { messageOf } from "../../base/error.ts";
import { patternOf } from "../interceptors/pattern.ts";
import type { Component } from "./component.ts";

type Translated = Readonly<Record<string, unknown>>;
type Translate = (component: Component) => Translated;

const TYPES: Readonly<Record<string, Translate>> = {
  timestamp: (component) => ({
    timestamp: {
      header: component.text("headerName") ?? component.text("header") ?? "timestamp",
      keep: component.flag("preserveExisting") ?? false,
    },
  }),
  host: (component) => ({
    host: {
      header: component.text("hostHeader") ?? "host",
      address: component.flag("useIP") ?? true,
      keep: component.flag("preserveExisting") ?? false,
    },
  }),
  static: (component) => ({
    static: {
      headers: { [component.text("key") ?? "key"]: component.text("value") ?? "value" },
      keep: component.flag("preserveExisting") ?? true,
    },
  }),
  remove_header: removeHeader,
  uuid: (component) => ({
    uuid: {
      header: component.text("headerName") ?? "id",
      prefix: component.text("prefix") ?? "",
      keep: component.flag("preserveExisting") ?? true,
    },
  }),
  search_replace(component) {
    component.only("charset", ["UTF-8"], "events are UTF-8, or bytes that are kept");
    const pattern = checkedPattern(
      component,
      "searchPattern",
      component.needed("searchPattern", "secret=\\S+"),
    );
    return { "search-replace": { pattern, replacement: component.text("replaceString") ?? "" } };
  },
  regex_filter(component) {
    const pattern = checkedPattern(component, "regex", component.text("regex") ?? ".*");
    return { filter: { [component.flag("excludeEvents") === true ? "exclude" : "include"]: pattern } };
  },
  regex_extractor: regexExtractor,
};

/** Java's names of the same things. */
const CLASSES: Readonly<Record<string, string>> = {
  "org.apache.flume.interceptor.TimestampInterceptor$Builder": "timestamp",
  "org.apache.flume.interceptor.HostInterceptor$Builder": "host",
  "org.apache.flume.interceptor.StaticInterceptor$Builder": "static",
  "org.apache.flume.interceptor.RegexFilteringInterceptor$Builder": "regex_filter",
  "org.apache.flume.interceptor.RegexExtractorInterceptor$Builder": "regex_extractor",
  "org.apache.flume.interceptor.SearchAndReplaceInterceptor$Builder": "search_replace",
  "org.apache.flume.interceptor.RemoveHeaderInterceptor$Builder": "remove_header",
  "org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder": "uuid",
};

/** Those of a source, in their order. */
export function interceptorsOf(source: Component): Translated[] {
  return source.words("interceptors").flatMap((name): Translated[] => {
    const component = source.inner("interceptors", name);
    const type = component.needed("type", "timestamp");
    const translate = TYPES[CLASSES[type] ?? type.toLowerCase()];
    if (translate !== undefined) return [translate(component)];
    if (type !== "")
      component.refuse(
        "type",
        `the interceptor "${type}" has no equivalent: there are ${Object.keys(TYPES).join(", ")}; ` +
          "what a program of your own did may be a query of a job",
      );
    // One refusal is enough for all that it has.
    component.ignoreRest();
    return [];
  });
}

function removeHeader(component: Component): Translated {
  const separator = component.text("fromListSeparator") ?? String.raw`\s*,\s*`;
  const list = component.text("fromList")?.split(new RegExp(separator)) ?? [];
  const name = component.text("withName");
  const matching = component.text("matching");
  if (matching !== undefined) checkedPattern(component, "matching", matching);
  return {
    "remove-header": {
      names: [...list, ...(name === undefined ? [] : [name])],
      ...(matching !== undefined && { matching }),
    },
  };
}

function regexExtractor(component: Component): Translated {
  const pattern = checkedPattern(component, "regex", component.needed("regex", "^(\\S+)"));
  const groups = component.words("serializers").map((name) => {
    const serializer = component.inner("serializers", name);
    serializer.only(
      "type",
      ["default", "org.apache.flume.interceptor.RegexExtractorInterceptorPassThroughSerializer"],
      "a group becomes a header as it is; times can be read by a query of a job",
    );
    serializer.skip("only a serializer that has no equivalent asks for it", ["pattern"]);
    return serializer.text("name") ?? name;
  });
  return { "regex-extract": { pattern, groups } };
}

function checkedPattern(component: Component, name: string, pattern: string): string {
  try {
    patternOf(pattern);
  } catch (error) {
    component.refuse(name, `Java's pattern is none here: ${messageOf(error)}`);
  }
  return pattern;
}
