/**
 * A table's columns and those of the rows: what the table's become, so that these rows fit. Columns and
 * fields may be added, and types widened as Iceberg allows; where the table's type is the wider one, the rows
 * are cast to it. Ids stay, and none is given twice: files that were written before stay readable.
 */

import type { Column } from "../duckdb/database.ts";
import {
  decimalOf,
  type IceField,
  type IceList,
  type IceMap,
  type IceStruct,
  type IceType,
  icebergType,
  typeName,
} from "./types.ts";

export interface Evolved {
  readonly fields: readonly IceField[];
  readonly lastColumnId: number;
  /** What is new, in words; none where the table has it all. */
  readonly changes: readonly string[];
  /** Why the rows don't fit, a line each. */
  readonly reasons: readonly string[];
}

/** `known` are the columns that these rows may lack: others have added them since. */
export function evolved(
  fields: readonly IceField[],
  lastColumnId: number,
  columns: readonly Column[],
  mayLack: (name: string) => boolean,
): Evolved {
  let last = lastColumnId;
  const changes: string[] = [];
  const reasons: string[] = [];
  const nextId = (): number => {
    last += 1;
    return last;
  };
  const widest = (theirs: IceType, ours: IceType, path: string): IceType => {
    if (typeof theirs === "string" || typeof ours === "string") {
      const wider = widerOf(theirs, ours);
      if (wider === undefined)
        reasons.push(`column ${path}: it is ${typeName(theirs)} in the table, ${typeName(ours)} in the rows`);
      else if (wider !== theirs) changes.push(`${path} is ${typeName(wider)} now`);
      return wider ?? theirs;
    }
    if (theirs.type === "struct" && ours.type === "struct") return widestStruct(theirs, ours, path);
    if (theirs.type === "list" && ours.type === "list") {
      if (theirs["element-required"]) reasons.push(requiredInside(`${path}.element`));
      return { ...theirs, element: widest(theirs.element, ours.element, `${path}.element`) };
    }
    if (theirs.type === "map" && ours.type === "map") return widestMap(theirs, ours, path);
    reasons.push(`column ${path}: it is ${typeName(theirs)} in the table, ${typeName(ours)} in the rows`);
    return theirs;
  };
  const widestMap = (theirs: IceMap, ours: IceMap, path: string): IceMap => {
    // A key's type can't change: what is in it stays.
    if (widerOf(theirs.key, ours.key) !== theirs.key && typeName(theirs.key) !== typeName(ours.key))
      reasons.push(
        `column ${path}: its keys are ${typeName(theirs.key)} in the table, ` +
          `${typeName(ours.key)} in the rows`,
      );
    if (theirs["value-required"]) reasons.push(requiredInside(`${path}.value`));
    return { ...theirs, value: widest(theirs.value, ours.value, `${path}.value`) };
  };
  const widestStruct = (theirs: IceStruct, ours: IceStruct, path: string): IceStruct => {
    const known = theirs.fields.map((field) => {
      const own = ours.fields.find(({ name }) => name === field.name);
      if (field.required) reasons.push(requiredInside(`${path}.${field.name}`));
      return own === undefined
        ? field
        : { ...field, type: widest(field.type, own.type, `${path}.${field.name}`) };
    });
    const added = ours.fields.filter(({ name }) => theirs.fields.every((field) => field.name !== name));
    for (const { name, type } of added) changes.push(`${path}.${name} (${typeName(type)}) is new`);
    return { type: "struct", fields: [...known, ...added.map((field) => withIds(field, nextId))] };
  };

  const own = columns.map(({ name, type }) => ({ name, type: icebergType(type, () => 0) }));
  const known = fields.map((field) => {
    const ours = own.find(({ name }) => name === field.name);
    if (ours !== undefined) return { ...field, type: widest(field.type, ours.type, field.name) };
    if (field.required) reasons.push(`column ${field.name}: the table requires it, the rows lack it`);
    else if (!mayLack(field.name))
      reasons.push(`column ${field.name}: it is missing from the rows (was it renamed?)`);
    return field;
  });
  const added = own.filter(({ name }) => fields.every((field) => field.name !== name));
  for (const { name } of added) {
    const other = fields.find((field) => field.name.toLowerCase() === name.toLowerCase());
    if (other !== undefined)
      reasons.push(`column ${name}: the table has "${other.name}", and most readers tell no capitals`);
  }
  // Of a new table it would be all of them.
  if (fields.length > 0)
    for (const { name, type } of added) changes.push(`${name} (${typeName(type)}) is new`);
  const withId = added.map(({ name, type }) => ({ id: nextId(), name, required: false, type }));
  const newFields = withId.map((field) => ({ ...field, type: typeWithIds(field.type, nextId) }));
  return { fields: [...known, ...newFields], lastColumnId: last, changes, reasons };
}

/** Of a column itself the rows are looked through. */
function requiredInside(path: string): string {
  return `column ${path}: the table requires a value there, which nothing promises of the rows`;
}

function withIds(field: IceField, nextId: () => number): IceField {
  const own = nextId();
  return { ...field, id: own, type: typeWithIds(field.type, nextId) };
}

function typeWithIds(type: IceType, nextId: () => number): IceType {
  if (typeof type === "string") return type;
  switch (type.type) {
    case "struct": {
      const fields = type.fields.map((field) => ({ ...field, id: nextId() }));
      return {
        ...type,
        fields: fields.map((field) => ({ ...field, type: typeWithIds(field.type, nextId) })),
      };
    }
    case "list": {
      const list: IceList = { ...type, "element-id": nextId() };
      return { ...list, element: typeWithIds(list.element, nextId) };
    }
    case "map": {
      const map: IceMap = { ...type, "key-id": nextId(), "value-id": nextId() };
      return { ...map, key: typeWithIds(map.key, nextId), value: typeWithIds(map.value, nextId) };
    }
  }
}

const WIDER: ReadonlySet<string> = new Set(["int long", "float double"]);

/** The one of two simple types that holds both by Iceberg's rules of promotion; undefined where none does. */
function widerOf(one: IceType, other: IceType): IceType | undefined {
  if (typeName(one) === typeName(other)) return one;
  if (WIDER.has(`${typeName(one)} ${typeName(other)}`)) return other;
  if (WIDER.has(`${typeName(other)} ${typeName(one)}`)) return one;
  const [first, second] = [decimalOf(one), decimalOf(other)];
  if (first === undefined || second === undefined || first.scale !== second.scale) return undefined;
  return first.precision >= second.precision ? one : other;
}
