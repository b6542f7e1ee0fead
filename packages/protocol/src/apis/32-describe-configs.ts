import { defineApi } from '../api.ts'
import { bool, int8, int16, int32, list, string, strings } from '../fields.ts'

/**
 * DescribeConfigs.
 *
 * 1 source and synonyms. 3 type and documentation. 4 flexible.
 */
export const describeConfigs = defineApi({
  key: 32,
  versions: '1-4',
  flexible: '4+',
  request: {
    resources: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configurationKeys: strings('0+', { nullable: '0+' }),
    }),
    includeSynonyms: bool('1+'),
    includeDocumentation: bool('3+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: list('0+', {
        name: string('0+'),
        value: string('0+', { nullable: '0+' }),
        readOnly: bool('0+'),
        configSource: int8('1+', { default: -1, ignorable: true }),
        isSensitive: bool('0+'),
        synonyms: list(
          '1+',
          {
            name: string('1+'),
            value: string('1+', { nullable: '0+' }),
            source: int8('1+'),
          },
          { ignorable: true },
        ),
        configType: int8('3+', { ignorable: true }),
        documentation: string('3+', { nullable: '0+', ignorable: true }),
      }),
    }),
  },
})
