/**
 * What is wrong with a value, by a JSON Schema: the keywords that the server's schema uses.
 *
 * Fields that no schema names are told too: the server ignores them, and a misspelt
 * one is the commonest mistake.
 */

const IS = {
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  number: Number.isFinite,
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
};

/**
 * @param {any} value what was parsed.
 * @param {object} given its schema.
 * @param {(schema: object) => object} resolve follows `$ref`.
 * @returns {string[]} one sentence for each problem; none if it fits.
 */
export function problemsOf(value, given, resolve, path = "") {
  const schema = resolve(given);
  const where = path || "The frame";
  if (schema.anyOf) return ofAlternatives(value, schema.anyOf, resolve, path);
  if (schema.enum && !schema.enum.includes(value)) {
    return [`${where} must be one of ${schema.enum.map((one) => JSON.stringify(one)).join(", ")}.`];
  }
  const types = [schema.type ?? []].flat();
  if (types.length && !types.some((type) => IS[type](value))) {
    return [`${where} must be ${types.map(withArticle).join(" or ")}.`];
  }
  if (IS.object(value)) return ofObject(value, schema, resolve, path);
  if (IS.array(value)) return ofArray(value, schema, resolve, path);
  return ofPlain(value, schema, where);
}

function ofAlternatives(value, alternatives, resolve, path) {
  const found = alternatives.map((one) => problemsOf(value, one, resolve, path));
  if (found.some((problems) => problems.length === 0)) return [];
  // What `null` would have had to be is of no help.
  const telling = alternatives.findIndex((one) => resolve(one).type !== "null");
  return found[telling];
}

function ofObject(value, { properties = {}, required = [] }, resolve, path) {
  const named = (name) => (path ? `${path}.${name}` : name);
  const missing = required.filter((name) => !(name in value));
  return [
    ...missing.map((name) => `${named(name)} is missing.`),
    ...Object.entries(value).flatMap(([name, field]) => {
      if (!Object.hasOwn(properties, name)) return [`${named(name)} is no field of this frame.`];
      return problemsOf(field, properties[name], resolve, named(name));
    }),
  ];
}

function ofArray(value, { items, minItems = 0, maxItems = Infinity }, resolve, path) {
  const problems = [];
  if (value.length < minItems) problems.push(`${path} needs at least ${minItems}.`);
  if (value.length > maxItems) problems.push(`${path} takes at most ${maxItems}.`);
  if (!items) return problems;
  return problems.concat(
    value.flatMap((one, index) => problemsOf(one, items, resolve, `${path}[${index}]`)),
  );
}

function ofPlain(value, schema, where) {
  const problems = [];
  if (IS.string(value)) {
    const length = [...value].length;
    if (length < schema.minLength) problems.push(`${where} needs at least ${schema.minLength} characters.`);
    if (length > schema.maxLength) problems.push(`${where} takes at most ${schema.maxLength} characters.`);
  }
  if (value < schema.minimum) problems.push(`${where} must be at least ${schema.minimum}.`);
  if (value > schema.maximum) problems.push(`${where} must be at most ${schema.maximum}.`);
  return problems;
}

function withArticle(type) {
  if (type === "null") return type;
  return /^[aio]/.test(type) ? `an ${type}` : `a ${type}`;
}
