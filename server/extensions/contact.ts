import { countries } from './countries.ts'
import { defineExtension } from './extension.ts'
import { choice, email, telephone, text } from './field.ts'

// What the ancestor refused in contact fields, kept so that values move over unchanged.
const refuse = ':;/#!@'

export const contact = defineExtension({
  name: 'contact',
  title: 'Contact Extension',
  summary: 'Provides basic contact information.',
  objectClass: 'inetOrgPerson',
  user: {
    mail: email({ label: 'E-mail', attribute: 'mail' }),
    title: text({ label: 'Title', attribute: 'title', refuse: ':;#!@' }),
    telephone: telephone({ label: 'Telephone number', attribute: 'telephoneNumber' }),
    mobile: telephone({ label: 'Mobile number', attribute: 'mobile' }),
    fax: telephone({ label: 'Fax number', attribute: 'facsimileTelephoneNumber' }),
    street: text({ label: 'Street', attribute: 'street', refuse: ':;#!@' }),
    postalCode: text({ label: 'Postal code', attribute: 'postalCode', column: 'postal_code', maxLength: 40, refuse }),
    postOfficeBox: text({
      label: 'Post office box',
      attribute: 'postOfficeBox',
      column: 'post_office_box',
      maxLength: 40,
      refuse,
    }),
    city: text({ label: 'City', attribute: 'l', refuse }),
    region: text({ label: 'Region', attribute: 'st', refuse }),
    country: choice({ label: 'Country', attribute: 'c', options: countries }),
    organization: text({ label: 'Organization', attribute: 'o', refuse: ':;#!@' }),
    unit: text({ label: 'Unit', attribute: 'ou', refuse: ':;#!@' }),
    roomNumber: text({ label: 'Room number', attribute: 'roomNumber', column: 'room_number', refuse: ':;#!@' }),
  },
})
