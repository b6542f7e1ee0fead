import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** Where npm put `vega-datasets`: its data folder is no door of the package, so it is looked up as Node would. */
export function flightFiles(): { readonly flights: string; readonly airports: string } {
  const folders = createRequire(import.meta.url).resolve.paths('vega-datasets') ?? []
  const data = folders
    .map((folder) => path.join(folder, 'vega-datasets', 'data'))
    .find((folder) => fs.existsSync(folder))
  if (data === undefined) throw new Error('the package vega-datasets is not installed. Run npm ci.')
  return { flights: path.join(data, 'flights-3m.parquet'), airports: path.join(data, 'airports.csv') }
}
