import type { Buffer } from 'node:buffer'
import { gunzipSync, gzipSync } from 'node:zlib'
import { codeOf } from '@millrace/kernel'
import { tooLarge } from './too-large.ts'

export function gzip(bytes: Buffer): Buffer {
  return gzipSync(bytes)
}

export function gunzip(bytes: Buffer, maxBytes: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(maxBytes, 1) }) // zlib takes no 0
  } catch (error) {
    throw codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxBytes, error) : error
  }
}
