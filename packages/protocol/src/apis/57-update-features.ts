import { defineApi } from '../api.ts'
import { bool, int8, int16, int32, list, string } from '../fields.ts'

/** Of `upgradeType`: 1 raise, 2 lower where nothing is lost, 3 lower. */
const raise = 1
const lowerSafely = 2

/**
 * UpdateFeatures: raises and lowers finalised features (KIP-584).
 *
 * 1 upgrade types, trial runs (KIP-778). 2 no result for each feature (KIP-1022).
 */
export const updateFeatures = defineApi({
  key: 57,
  versions: '0-2',
  flexible: '0+',
  request: {
    timeoutMs: int32('0+', { default: 60_000 }),
    featureUpdates: list('0+', {
      feature: string('0+'),
      maxVersionLevel: int16('0+'),
      allowDowngrade: bool('0'),
      upgradeType: int8('1+', { default: raise }),
    }),
    validateOnly: bool('1+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    results: list(
      '0-1',
      {
        feature: string('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
      },
      { ignorable: true },
    ),
  },
  reshape: {
    request: {
      before: 1,
      toOlder: (value) => ({
        ...value,
        featureUpdates: value.featureUpdates.map((update) =>
          update.upgradeType === lowerSafely ? { ...update, allowDowngrade: true, upgradeType: raise } : update,
        ),
      }),
      toNewer: (value) => ({
        ...value,
        featureUpdates: value.featureUpdates.map((update) => ({
          ...update,
          allowDowngrade: false,
          upgradeType: update.allowDowngrade ? lowerSafely : raise,
        })),
      }),
    },
  },
})
