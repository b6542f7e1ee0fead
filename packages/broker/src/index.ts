export { type Broker, type BrokerOptions, createBroker } from './broker.ts'
export { type ServeOptions, type Server, serve } from './server/serve.ts'
export { type GivenSettings, isSettingName, readSettings, type SettingName, type Settings } from './settings.ts'
export { type SettingRow, settingsTable } from './settings-table.ts'
