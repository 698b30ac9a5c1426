{
 "@@name.@@entity.changed": {
  "1": {
   "@@{entity}_id": {
    "schema": {
     "type": "string"
    },
    "required": true
   },
   "title": {
    "schema": {
     "type": "string"
    },
    "required": true
   }
  }
 },
 "@@name.@@entity.created": {
  "1": {
   "@@{entity}_id": {
    "schema": {
     "type": "string"
    },
    "required": true
   },
   "title": {
    "schema": {
     "type": "string"
    },
    "required": true
   }
  }
 },
 "@@name.@@entity.removed": {
  "1": {
   "@@{entity}_id": {
    "schema": {
     "type": "string"
    },
    "required": true
   }
  }
 }
}
