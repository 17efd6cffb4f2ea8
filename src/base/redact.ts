/** Text for a person, without what only the other end of a connection may know. */

/** Up to the last `@` before a query: a password may hold a slash. */
const URL_PARTS = /\b([a-z][a-z0-9+.-]*:\/\/)((?:[^\s"'`<>?#]*@)?)([^\s"'`<>?#]*)((?:\?[^\s"'`<>#]*)?)/gi;

/** URLs without user, password and the values of their query: any of these may be a secret. */
export function withoutUrlSecrets(text: string): string {
  if (!text.includes("://")) return text;
  return text.replaceAll(
    URL_PARTS,
    (_url, scheme: string, _user, rest: string, query: string) => scheme + rest + withoutValues(query),
  );
}

function withoutValues(query: string): string {
  return query.replaceAll(/=[^&]*/g, "=…").replace(/^\?([^=&]+)$/, "?…");
}
