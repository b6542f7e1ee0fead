import { defineApi } from '../api.ts'
import { bool, int16, int32, int32s, int64, list, string } from '../fields.ts'

/**
 * DescribeLogDirs: where partitions lie on disk and how large they are (KIP-113).
 *
 * 2 flexible. 3 error of the whole. 4 size of the volume (KIP-827). 5 cordoned directories.
 */
export const describeLogDirs = defineApi({
  key: 35,
  versions: '1-5',
  flexible: '2+',
  request: {
    topics: list(
      '0+',
      {
        topic: string('0+'),
        partitions: int32s('0+'),
      },
      { nullable: '0+' },
    ),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('3+', { ignorable: true }),
    results: list('0+', {
      errorCode: int16('0+'),
      logDir: string('0+'),
      topics: list('0+', {
        name: string('0+'),
        partitions: list('0+', {
          partitionIndex: int32('0+'),
          partitionSize: int64('0+'),
          offsetLag: int64('0+'),
          isFutureKey: bool('0+'),
        }),
      }),
      totalBytes: int64('4+', { default: -1, ignorable: true }),
      usableBytes: int64('4+', { default: -1, ignorable: true }),
      isCordoned: bool('5+', { ignorable: true }),
    }),
  },
})
