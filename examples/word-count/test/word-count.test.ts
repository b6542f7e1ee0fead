import { topologyDriver } from '@millrace/testkit'
import { expect, test } from 'vitest'
import topology, { counts, lines } from '../src/app.ts'

test('words are counted over all lines, in any case', async () => {
  await using driver = topologyDriver(topology)
  driver.in(lines, [
    { key: null, value: 'The mill turns' },
    { key: null, value: 'the WATER turns the mill' },
  ])
  driver.commit()
  const latest = new Map(driver.out(counts).map(({ key, value }) => [key, value]))
  expect(Object.fromEntries(latest)).toEqual({ the: 3, mill: 2, turns: 2, water: 1 })
})

test('a line without words counts nothing', async () => {
  await using driver = topologyDriver(topology)
  driver.in(lines, { key: null, value: '… 42 !' })
  driver.commit()
  expect(driver.out(counts)).toEqual([])
})

test('counts go on after a crash that takes the state directory', async () => {
  await using driver = topologyDriver(topology)
  driver.in(lines, { key: null, value: 'mill mill' })
  driver.commit()
  await driver.crash({ state: 'delete' })
  expect(driver.restored).toBeGreaterThan(0)
  driver.in(lines, { key: null, value: 'mill' })
  driver.commit()
  expect(driver.table('words').get('mill')).toBe(3)
})
