import type { Buffer } from 'node:buffer'
import { errorCodeOf, errorTable, kafkaError } from '@millrace/kernel'
import { apiOf, decodeResponse, fill, type RequestOf, type ResponseOf } from '@millrace/protocol/internal'

/** What a peer speaks. */
export interface PeerVersions {
  readonly apiVersions: ReadonlyMap<number, { readonly min: number; readonly max: number }>
  readonly features: ReadonlyMap<string, number>
}

/** Sends ApiVersions in a version and returns the answer's frame. */
type Ask = (version: number, request: RequestOf<'apiVersions'>) => Promise<Buffer>

/** The error code is the first field of every version, behind the correlation id. */
const errorCodeAt = 4
const unsupportedVersion = errorTable.UNSUPPORTED_VERSION.wire

/**
 * Asks in the newest version. A peer that lacks it answers in version 0, with its own range (KIP-511), and is asked
 * once more; one from before that rule names no range, and version 0 is asked.
 *
 * @throws what the peer answers; CORRUPT_MESSAGE
 */
export async function negotiate(ask: Ask): Promise<PeerVersions> {
  const { key, versions } = apiOf('apiVersions')
  const request = fill('apiVersions', 'request', {
    clientSoftwareName: 'millrace',
    clientSoftwareVersion: '0.1.0',
  })
  const first = await ask(versions.max, request)
  if (errorCodeIn(first) !== unsupportedVersion) return peerVersions(decodeResponse('apiVersions', versions.max, first))
  const refusal = decodeResponse('apiVersions', 0, first)
  const range = refusal.apiKeys.find((row) => row.apiKey === key)
  const version = Math.max(0, Math.min(versions.max - 1, range?.maxVersion ?? 0))
  const plain = version < 3 ? fill('apiVersions', 'request', {}) : request
  return peerVersions(decodeResponse('apiVersions', version, await ask(version, plain)))
}

function errorCodeIn(frame: Buffer): number {
  return frame.length < errorCodeAt + 2 ? 0 : frame.readInt16BE(errorCodeAt)
}

function peerVersions(response: ResponseOf<'apiVersions'>): PeerVersions {
  if (response.errorCode !== 0) throw kafkaError(errorCodeOf(response.errorCode), 'apiVersions')
  return {
    apiVersions: new Map(response.apiKeys.map((row) => [row.apiKey, { min: row.minVersion, max: row.maxVersion }])),
    features: new Map(response.finalizedFeatures.map((feature) => [feature.name, feature.maxVersionLevel])),
  }
}
