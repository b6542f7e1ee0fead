export { type TopicConfigEntry, type TopicConfigType, topicConfig, topicConfigTable } from './topic-configs.ts'
