import type { Buffer } from 'node:buffer'
import { MillraceError } from '@millrace/kernel'
import type { ApiName, MessageOf, RequestOf, ResponseOf } from './apis.ts'
import { apiOf } from './apis.ts'
import { messageError } from './codec/field-fault.ts'
import { MessageReader, requestItemsMax } from './codec/message-reader.ts'
import { type Frame, MessageWriter } from './codec/message-writer.ts'
import { skipTags } from './codec/read-shape.ts'
import { requestHeaderVersion, responseHeaderVersion, servedApis } from './ledger.ts'
import { readMessage, writeMessage } from './message-codec.ts'

/** What stands in front of a request. */
export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Where the message begins in the frame, or the tags of the header if the API or its version is not known here. */
  readonly end: number
}

const writer = new MessageWriter()

/**
 * A request as one frame, size included.
 *
 * @throws UNSUPPORTED_VERSION for a set field that `version` lacks; INVALID_REQUEST for a value that the field cannot
 *   hold.
 */
export function encodeRequest<A extends ApiName>(
  api: A,
  version: number,
  header: { readonly correlationId: number; readonly clientId: string | null },
  request: RequestOf<A>,
): Frame {
  writer.begin()
  writer.bytes.int16(apiOf(api).key).int16(version).int32(header.correlationId)
  if (header.clientId === null) writer.bytes.int16(-1)
  else writer.string16(header.clientId) // never compact, so that any broker can read it
  if (requestHeaderVersion(api, version) === 2) writer.bytes.uvarint(0)
  writeMessage(writer, api, 'request', version, request)
  return writer.end()
}

/** A response as one frame, size included. Fields that `version` lacks are left out. */
export function encodeResponse<A extends ApiName>(
  api: A,
  version: number,
  correlationId: number,
  response: ResponseOf<A>,
): Frame {
  writer.begin()
  writer.bytes.int32(correlationId)
  if (responseHeaderVersion(api, version) === 1) writer.bytes.uvarint(0)
  writeMessage(writer, api, 'response', version, response)
  return writer.end()
}

/**
 * The header of a request, also when its API or version is not known here.
 *
 * @throws CORRUPT_MESSAGE when the frame is too short or no header.
 */
export function decodeRequestHeader(frame: Buffer): RequestHeader {
  const reader = new MessageReader(frame)
  try {
    const apiKey = reader.int16()
    const apiVersion = reader.int16()
    const correlationId = reader.int32()
    const size = reader.int16()
    const clientId = size < 0 ? null : reader.utf8(size)
    const api = servedApis.get(apiKey)
    if (api !== undefined && requestHeaderVersion(api.name, apiVersion) === 2) skipTags(reader)
    return { apiKey, apiVersion, correlationId, clientId, end: reader.position }
  } catch (error) {
    throw messageError(error, 'request header', 'CORRUPT_MESSAGE', ` at byte ${reader.position}`)
  }
}

/**
 * The message behind the header. Batches are windows on `frame`.
 *
 * @throws CORRUPT_MESSAGE, also for one with more than `requestItemsMax` items
 */
export function decodeRequest<A extends ApiName>(api: A, header: RequestHeader, frame: Buffer): RequestOf<A> {
  return readMessage(new MessageReader(frame, header.end, requestItemsMax), api, 'request', header.apiVersion)
}

/** The correlation id of a response, which says which request it answers. @throws CORRUPT_MESSAGE */
export function correlationIdOf(frame: Buffer): number {
  if (frame.length >= 4) return frame.readInt32BE(0)
  throw new MillraceError('CORRUPT_MESSAGE', `${frame.length} bytes are too few`, { place: 'response header' })
}

/** The message of a response frame. Batches are windows on `frame`. @throws CORRUPT_MESSAGE */
export function decodeResponse<A extends ApiName>(api: A, version: number, frame: Buffer): MessageOf<A, 'response'> {
  const reader = new MessageReader(frame)
  try {
    reader.skip(4)
    if (responseHeaderVersion(api, version) === 1) skipTags(reader)
  } catch (error) {
    throw messageError(error, `${api} v${version} response header`, 'CORRUPT_MESSAGE', ` at byte ${reader.position}`)
  }
  return readMessage(reader, api, 'response', version)
}
