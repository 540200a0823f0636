export { video } from './video-workflow.js'
