// What has failed, from the JSON reports of the lanes: lane, full name, and how its message begins.
// node .ci/failures.mjs REPORT...   (a lane's report is named after it: npm-test.json)
import { existsSync, readFileSync } from 'node:fs'
import { basename, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const linesMax = 15

for (const report of process.argv.slice(2)) {
  if (!existsSync(report)) continue
  const lane = basename(report, '.json')
  for (const { name: file, status, message, assertionResults } of read(report)) {
    const place = relative(process.cwd(), file)
    const failed = assertionResults.filter((test) => test.status === 'failed')
    for (const { fullName, failureMessages } of failed) tell(lane, place, fullName, failureMessages.join('\n'))
    // A file that fell over before or beside its tests.
    if (status === 'failed' && failed.length === 0) tell(lane, place, '(the file itself)', message)
  }
}

function read(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8')).testResults
  } catch (error) {
    tell(basename(report, '.json'), report, '(the report cannot be read)', String(error))
    return []
  }
}

function tell(lane, place, name, message) {
  const lines = stripVTControlCharacters(message ?? '')
    .trimEnd()
    .split('\n')
  const shown = lines.slice(0, linesMax).map((line) => `    ${line.slice(0, 300)}`)
  if (lines.length > linesMax) shown.push(`    … ${lines.length - linesMax} more lines`)
  console.log(`\nFAILED ${lane}: ${name} (${place})\n${shown.join('\n')}`)
}
