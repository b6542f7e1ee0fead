/** A JSON value as a connector's config holds it. */
export type ConfigValue =
  | string
  | number
  | boolean
  | null
  | readonly ConfigValue[]
  | { readonly [name: string]: ConfigValue }

/** A connector's options by name, as its JSON file or a REST call gave them. */
export type RawConfig = Readonly<Record<string, ConfigValue>>

/** One option (or part of one) in JSON Schema, the words we use of it. `writeOnly`: a secret, never shown again. */
export interface OptionSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: ConfigValue
  readonly enum?: readonly ConfigValue[]
  readonly const?: ConfigValue
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly minItems?: number
  readonly pattern?: string
  readonly items?: OptionSchema
  readonly properties?: Readonly<Record<string, OptionSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | OptionSchema
  readonly patternProperties?: Readonly<Record<string, OptionSchema>>
  readonly oneOf?: readonly OptionSchema[]
  readonly anyOf?: readonly OptionSchema[]
  readonly writeOnly?: boolean
}

/**
 * A connector's own options: a JSON Schema of an object. The runtime adds the options every connector has and
 * refuses all others.
 */
export interface ConfigSchema {
  readonly properties: Readonly<Record<string, OptionSchema>>
  readonly required?: readonly string[]
  /** At least one of these sets must be given. */
  readonly anyOf?: readonly OptionSchema[]
}

/** Something wrong with an option that JSON Schema cannot say. */
export interface ConfigProblem {
  readonly option: string
  readonly problem: string
  /** Left out for secrets. */
  readonly value?: ConfigValue | undefined
  readonly fix?: string | undefined
}
