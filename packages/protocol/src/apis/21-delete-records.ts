import { defineApi } from '../api.ts'
import { int16, int32, int64, int64Any, list, string } from '../fields.ts'

/**
 * DeleteRecords: moves the log start offset forward; -1 means to the high watermark.
 *
 * 2 flexible.
 */
export const deleteRecords = defineApi({
  key: 21,
  versions: '0-2',
  flexible: '2+',
  request: {
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        offset: int64Any('0+'),
      }),
    }),
    timeoutMs: int32('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        lowWatermark: int64('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})
