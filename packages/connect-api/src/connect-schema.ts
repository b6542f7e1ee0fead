/** Kafka Connect's types, as its JSON writes them. */
export type ConnectType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float'
  | 'double'
  | 'boolean'
  | 'string'
  | 'bytes'
  | 'array'
  | 'map'
  | 'struct'

/** A schema as the `schema` part of Kafka Connect's JSON. A logical type is told by `name`: `org.apache.kafka.connect.data.Timestamp`. */
export interface ConnectSchema {
  readonly type: ConnectType
  readonly optional?: boolean | undefined
  readonly name?: string | undefined
  readonly version?: number | undefined
  readonly doc?: string | undefined
  readonly parameters?: Readonly<Record<string, string>> | undefined
  readonly default?: unknown
  /** Of a struct, in order. */
  readonly fields?: readonly ConnectField[] | undefined
  /** Of an array. */
  readonly items?: ConnectSchema | undefined
  /** Of a map. */
  readonly keys?: ConnectSchema | undefined
  readonly values?: ConnectSchema | undefined
}

export interface ConnectField extends ConnectSchema {
  readonly field: string
}
