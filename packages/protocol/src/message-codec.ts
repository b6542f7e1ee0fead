import type { Buffer } from 'node:buffer'
import { assert } from '@millrace/kernel'
import type { Reshape } from './api.ts'
import { type ApiName, apiOf, apis, type Direction, fieldsOf, type MessageOf } from './apis.ts'
import { messageError } from './codec/field-fault.ts'
import { MessageReader } from './codec/message-reader.ts'
import type { MessageWriter } from './codec/message-writer.ts'
import { type Read, structReader } from './codec/read-shape.ts'
import { structWriter, type Write } from './codec/write-shape.ts'
import type { Fields, ValueOf } from './fields.ts'
import { includes } from './versions.ts'

/** Reads and writes one message in one version. Made from its table at first use, then kept. */
interface MessageCodec {
  readonly label: string
  readonly write: Write
  readonly read: Read
  readonly reshape: Reshape<ValueOf<Fields>> | undefined
}

type Codecs = Record<Direction, (MessageCodec | undefined)[]>
const codecs = new Map<ApiName, Codecs>()
for (const api of Object.keys(apis) as ApiName[]) codecs.set(api, { request: [], response: [] })

/**
 * Writes the body of a message behind what `out` holds. Batches go in by reference.
 *
 * A request is refused when it sets a field that `version` has no place for, unless the table says it may be ignored. A
 * response leaves such fields out: whoever asked in an old version gets the old answer.
 *
 * @throws UNSUPPORTED_VERSION, INVALID_REQUEST naming api, version and field.
 */
export function writeMessage<A extends ApiName, D extends Direction>(
  out: MessageWriter,
  api: A,
  direction: D,
  version: number,
  value: MessageOf<A, D>,
): void {
  const codec = codecOf(api, direction, version)
  try {
    codec.write(out, codec.reshape === undefined ? value : codec.reshape.toOlder(value))
  } catch (error) {
    throw messageError(error, codec.label, 'INVALID_REQUEST')
  }
}

/**
 * Reads the body of a message, from `reader` to its end, into the complete value of the newest layout. Bytes and
 * batches are windows on the reader's buffer. What follows the end of a request is not looked at, as Apache Kafka's
 * `AbstractRequest.parseRequest` has it: librdkafka before 2.1 ends ListGroups with the tags of one struct too many. An
 * answer with more than it may have is refused.
 *
 * @throws CORRUPT_MESSAGE naming api, version, field and byte.
 */
export function readMessage<A extends ApiName, D extends Direction>(
  reader: MessageReader,
  api: A,
  direction: D,
  version: number,
): MessageOf<A, D> {
  const codec = codecOf(api, direction, version)
  let value: unknown
  try {
    value = codec.read(reader)
  } catch (error) {
    throw messageError(error, codec.label, 'CORRUPT_MESSAGE', ` at byte ${reader.position}`)
  }
  if (direction === 'response' && reader.remaining > 0) {
    const error = new RangeError(`${reader.remaining} bytes follow its end`)
    throw messageError(error, codec.label, 'CORRUPT_MESSAGE', ` at byte ${reader.position}`)
  }
  const message = value as MessageOf<A, D> // the reader was made from the table that the type comes from
  return codec.reshape === undefined ? message : (codec.reshape.toNewer(message) as MessageOf<A, D>)
}

/** `readMessage` of a whole buffer. */
export function decodeMessage<A extends ApiName, D extends Direction>(
  api: A,
  direction: D,
  version: number,
  bytes: Buffer,
): MessageOf<A, D> {
  return readMessage(new MessageReader(bytes), api, direction, version)
}

function codecOf(api: ApiName, direction: Direction, version: number): MessageCodec {
  const made = codecs.get(api)?.[direction][version]
  return made ?? makeCodec(api, direction, version)
}

function makeCodec(api: ApiName, direction: Direction, version: number): MessageCodec {
  const { versions, flexible, reshape } = apiOf(api)
  assert(includes(versions, version), () => `${api} has no version ${version}`)
  const fields = fieldsOf(api, direction)
  const dialect = { version, flexible: includes(flexible, version), strict: direction === 'request' }
  const moved = reshape[direction]
  const codec = {
    label: `${api} v${version} ${direction}`,
    write: structWriter(fields, dialect),
    read: structReader(fields, version, dialect.flexible),
    reshape: moved !== undefined && version < moved.before ? moved : undefined,
  }
  const known = codecs.get(api)
  assert(known !== undefined, () => `no API is called ${api}`)
  known[direction][version] = codec
  return codec
}
