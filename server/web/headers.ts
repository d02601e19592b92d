import type { RequestHandler } from 'express'
import helmet from 'helmet'

/** Only our own scripts and styles run; nothing inline does. Defaults are off: they would send plain HTTP to HTTPS. */
export const securityHeaders = (secure: boolean): RequestHandler =>
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
    },
    // no-referrer would take away the Origin of plain forms, which is what sameOrigin looks at.
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: secure,
  })

/** Pages show accounts: nothing keeps them. The same address answers with a page or with a part of it. */
export const pageHeaders: RequestHandler = (_req, res, next) => {
  res.set({ 'Cache-Control': 'no-store', Vary: 'HX-Request, HX-Request-Type' })
  next()
}
