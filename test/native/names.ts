/** The names of NAN, V8, libuv and Node that C++ sources use, and those that our headers declare. */

const USED = /\b(?:(Nan|v8|node)::(?:Buffer::)?([A-Za-z]\w*)|(uv_[a-z]\w*)|((?:NAN|NAUV|NODE)_[A-Z]\w*))/g;
const MEMBER = /(?:->|\.)([A-Z]\w*)\s*(?:<[^;()]*>)?\(/g;

/** Qualified names and macros: `Nan::Set`, `node::Data`, `uv_close`, `NAN_METHOD`. */
export function usedNames(source: string): Set<string> {
  const found = [...withoutComments(source).matchAll(USED)].map(([whole, space, name]) =>
    space === undefined ? whole : `${space}::${name}`,
  );
  return new Set(found);
}

/** Methods that are called on something: `IsString`, `ToLocalChecked`, upstream's own among them. */
export function usedMethods(source: string): Set<string> {
  return new Set([...withoutComments(source).matchAll(MEMBER)].map(([, name]) => name ?? ""));
}

/** Everything that a header declares, of whatever kind and in whatever namespace. */
export function declaredNames(header: string): Set<string> {
  const text = withoutComments(header);
  const patterns = [
    /\b(?:class|struct|enum|namespace|typename)\s+(?:class\s+)?([A-Za-z_]\w*)/g,
    /\b([A-Za-z_]\w*)\s*(?:<[^<>;]*>)?\(/g,
    /#define\s+([A-Za-z_]\w*)/g,
    /\busing\s+(?:\w+::)?([A-Za-z_]\w*)/g,
    /\btypedef\b[^;]*\b([A-Za-z_]\w*)\s*;/g,
    /\benum\s+\w+\s*\{\s*([A-Za-z_]\w*)/g,
  ];
  return new Set(patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, name]) => name ?? "")));
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "");
}
