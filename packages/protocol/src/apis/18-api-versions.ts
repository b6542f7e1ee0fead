import { defineApi } from '../api.ts'
import { bool, int16, int32, int64, list, string } from '../fields.ts'

export const apiVersions = defineApi({
  key: 18,
  versions: '0-4',
  flexible: '3+',
  request: {
    clientSoftwareName: string('3+', { ignorable: true }),
    clientSoftwareVersion: string('3+', { ignorable: true }),
  },
  response: {
    errorCode: int16('0+'),
    apiKeys: list('0+', {
      apiKey: int16('0+'),
      minVersion: int16('0+'),
      maxVersion: int16('0+'),
    }),
    throttleTimeMs: int32('1+', { ignorable: true }),
    supportedFeatures: list(
      '3+',
      {
        name: string('3+'),
        minVersion: int16('3+'),
        maxVersion: int16('3+'),
      },
      { tag: 0, ignorable: true },
    ),
    finalizedFeaturesEpoch: int64('3+', { default: -1, tag: 1, ignorable: true }),
    finalizedFeatures: list(
      '3+',
      {
        name: string('3+'),
        maxVersionLevel: int16('3+'),
        minVersionLevel: int16('3+'),
      },
      { tag: 2, ignorable: true },
    ),
    zkMigrationReady: bool('3+', { tag: 3, ignorable: true }),
  },
})
