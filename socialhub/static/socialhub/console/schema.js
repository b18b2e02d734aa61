/** The server's JSON Schema, as the console asks it: which frames there are, with which fields. */

export class Schema {
  #document;

  /** @param {object} document as `/api/schema.json` has it. */
  constructor(document) {
    this.#document = document;
  }

  /** What clients send: the schema of each whole frame, by its type. */
  get commands() {
    return this.#frames("ClientFrame");
  }

  /** What the server sends, likewise. */
  get events() {
    return this.#frames("ServerFrame");
  }

  /** The schema itself, or what it refers to. */
  resolve(schema) {
    return schema.$ref ? this.#document.$defs[schema.$ref.split("/").at(-1)] : schema;
  }

  /** A frame of this type with its fields filled in, to begin with. */
  template(type, ackId) {
    const frame = this.commands.get(type);
    const payload = this.resolve(frame.properties.payload ?? {});
    return { type, ack_id: ackId, payload: this.#sample(payload) };
  }

  /**
   * The fields of a frame's payload, then those of the envelope.
   *
   * @returns {{name: string, type: string, required: boolean, about: string}[]}
   */
  fields(type) {
    const frame = this.commands.get(type);
    const payload = this.resolve(frame.properties.payload ?? {});
    return [
      ...this.#fieldsOf(payload, "payload."),
      ...this.#fieldsOf(frame, "").filter(({ name }) => name !== "payload"),
    ];
  }

  /** What the schema says of a type of frame. */
  about(type) {
    const frame = this.commands.get(type);
    return this.resolve(frame.properties.payload ?? {}).description ?? frame.description ?? "";
  }

  #frames(union) {
    const found = this.#document.$defs[union].anyOf.map((one) => this.resolve(one));
    return new Map(found.map((frame) => [frame.properties.type.enum[0], frame]));
  }

  #fieldsOf({ properties = {}, required = [] }, prefix) {
    return Object.entries(properties).map(([name, given]) => ({
      name: prefix + name,
      type: this.#typeText(given),
      required: required.includes(name),
      about: aboutField(this.#mainPart(given)),
    }));
  }

  #typeText(given) {
    const schema = this.resolve(given);
    if (schema.anyOf) return schema.anyOf.map((one) => this.#typeText(one)).join(" or ");
    if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(", ");
    if (schema.type === "array") return `array of ${this.#typeText(schema.items ?? {})}`;
    return [schema.type ?? "anything"].flat().join(" or ");
  }

  /** Of a field that may be null, the schema of what else it may be. */
  #mainPart(given) {
    const schema = this.resolve(given);
    const part = schema.anyOf?.map((one) => this.resolve(one)).find((one) => one.type !== "null");
    return part ? { ...part, ...schema } : schema;
  }

  #sample(given) {
    const schema = this.#mainPart(given);
    if (schema.examples?.length) return schema.examples[0];
    if (schema.enum) return schema.enum[0];
    if (schema.type === "object") {
      const fields = Object.entries(schema.properties ?? {});
      return Object.fromEntries(fields.map(([name, field]) => [name, this.#sample(field)]));
    }
    if (schema.type === "array") return schema.items ? this.#samples(schema.items) : [];
    if (schema.default !== undefined) return schema.default;
    return { string: "", integer: 0, number: 0, boolean: false }[schema.type] ?? null;
  }

  /** An example if there is one; a made-up entry would be wrong more often than none. */
  #samples(items) {
    const { examples = [] } = this.#mainPart(items);
    return examples.slice(0, 1);
  }
}

function aboutField(schema) {
  const limits = [
    schema.description,
    schema.minLength && `at least ${schema.minLength} characters`,
    schema.maxLength && `at most ${schema.maxLength} characters`,
    schema.maxItems && `at most ${schema.maxItems}`,
    schema.examples?.length && `as ${schema.examples.map((one) => JSON.stringify(one)).join(", ")}`,
  ];
  return limits.filter(Boolean).join("; ");
}
