import './bridges-underlay.ts'
import './bridges-arp.ts'
import './bridges-ports.ts'
