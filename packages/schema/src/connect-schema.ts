/** Connect's types, by the names that Kafka Connect prints. */
export const connectTypes = [
  'int8',
  'int16',
  'int32',
  'int64',
  'float32',
  'float64',
  'boolean',
  'string',
  'bytes',
  'array',
  'map',
  'struct',
] as const

export type ConnectType = (typeof connectTypes)[number]

/**
 * A schema of Kafka Connect as frozen data. What a value of it looks like here:
 *
 *   int8 int16 int32       number, whole, within its range     array    array of `values`
 *   int64                  number, whole, or bigint            map      Map of `keys` to `values`; a plain object too
 *   float32 float64        number                                       where keys are strings
 *   boolean string         boolean, string                     struct   object with the fields' names as properties
 *   bytes                  Uint8Array                          any      null (or undefined) where `optional`
 *
 * Logical types are told by `name` (`logical`): Decimal is a decimal text such as `-12.50`, Date, Time and Timestamp
 * a `Date`.
 */
export interface ConnectSchema {
  readonly type: ConnectType
  readonly optional?: boolean | undefined
  /** Stands in where the value is missing. Of the schema's own type. */
  readonly default?: unknown
  /** Full name of a struct, or of a logical type. */
  readonly name?: string | undefined
  readonly version?: number | undefined
  readonly doc?: string | undefined
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** Of a struct, in order. */
  readonly fields?: readonly ConnectField[] | undefined
  /** Of a map. */
  readonly keys?: ConnectSchema | undefined
  /** Of an array or a map. */
  readonly values?: ConnectSchema | undefined
}

export interface ConnectField {
  readonly name: string
  readonly schema: ConnectSchema
}

/** What every schema may say beside its type. */
export type ConnectAttributes = Pick<ConnectSchema, 'optional' | 'default' | 'name' | 'version' | 'doc' | 'parameters'>

type Primitive = Exclude<ConnectType, 'array' | 'map' | 'struct'>

const primitive =
  (type: Primitive) =>
  (attributes: ConnectAttributes = {}): ConnectSchema =>
    Object.freeze({ ...attributes, type })

/**
 * Makes schemas: `connectSchema.struct({ id: connectSchema.int64(), name: connectSchema.string({ optional: true })
 * })`.
 */
export const connectSchema = Object.freeze({
  int8: primitive('int8'),
  int16: primitive('int16'),
  int32: primitive('int32'),
  int64: primitive('int64'),
  float32: primitive('float32'),
  float64: primitive('float64'),
  boolean: primitive('boolean'),
  string: primitive('string'),
  bytes: primitive('bytes'),
  array: (values: ConnectSchema, attributes: ConnectAttributes = {}): ConnectSchema =>
    Object.freeze({ ...attributes, type: 'array', values }),
  map: (keys: ConnectSchema, values: ConnectSchema, attributes: ConnectAttributes = {}): ConnectSchema =>
    Object.freeze({ ...attributes, type: 'map', keys, values }),
  struct: (fields: Readonly<Record<string, ConnectSchema>>, attributes: ConnectAttributes = {}): ConnectSchema =>
    Object.freeze({
      ...attributes,
      type: 'struct',
      fields: Object.freeze(Object.entries(fields).map(([name, schema]) => Object.freeze({ name, schema }))),
    }),
  /** A decimal of `scale` digits after the point; `bytes` on the wire. */
  decimal: (scale: number, attributes: ConnectAttributes = {}): ConnectSchema =>
    Object.freeze({
      version: 1,
      ...attributes,
      type: 'bytes',
      name: logical.decimal,
      parameters: Object.freeze({ ...attributes.parameters, scale: String(scale) }),
    }),
  /** A day, without time or zone. */
  date: (attributes: ConnectAttributes = {}): ConnectSchema =>
    Object.freeze({ version: 1, ...attributes, type: 'int32', name: logical.date }),
  /** A time of day in milliseconds. */
  time: (attributes: ConnectAttributes = {}): ConnectSchema =>
    Object.freeze({ version: 1, ...attributes, type: 'int32', name: logical.time }),
  /** A moment in milliseconds. */
  timestamp: (attributes: ConnectAttributes = {}): ConnectSchema =>
    Object.freeze({ version: 1, ...attributes, type: 'int64', name: logical.timestamp }),
})

/** The names of Connect's logical types. */
export const logical = Object.freeze({
  decimal: 'org.apache.kafka.connect.data.Decimal',
  date: 'org.apache.kafka.connect.data.Date',
  time: 'org.apache.kafka.connect.data.Time',
  timestamp: 'org.apache.kafka.connect.data.Timestamp',
})

export type LogicalType = keyof typeof logical

const logicalByName = new Map<string | undefined, LogicalType>([
  [logical.decimal, 'decimal'],
  [logical.date, 'date'],
  [logical.time, 'time'],
  [logical.timestamp, 'timestamp'],
])

/** The logical type a schema stands for, if it is one. */
export function logicalOf(schema: ConnectSchema): LogicalType | undefined {
  return logicalByName.get(schema.name)
}
