import { defineApi } from '../api.ts'
import { bool, int16, int32, int64, list, string } from '../fields.ts'

/**
 * ApiVersions: what a broker speaks; the first request of a connection.
 *
 * 1 throttle time. 3 flexible, the client names its software, features. 4 a feature's lowest version may be 0
 * (KAFKA-17011). The response header is always version 0. A version the broker lacks is answered with
 * UNSUPPORTED_VERSION in the body of version 0, with the range of this API (KIP-511).
 */
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
  reshape: {
    response: {
      before: 4,
      // Older Java clients refuse the whole answer over a lowest version of 0 (KAFKA-17011).
      toOlder: (value) => ({
        ...value,
        supportedFeatures: value.supportedFeatures.filter((feature) => feature.minVersion > 0),
      }),
      toNewer: (value) => value,
    },
  },
})
