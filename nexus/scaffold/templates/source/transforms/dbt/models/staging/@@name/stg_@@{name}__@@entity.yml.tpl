models:
  - name: stg_@@{name}__@@entity
    description: >
      One row per @@words, newest version.
    columns:
      - {name: workspace_id, description: The workspace.}
      - {name: @@{name}_@@{entity}_id, description: "The provider's id."}
      - {name: created_at, description: "When it was made."}
      - {name: updated_at, description: "When it last changed."}
      - {name: status_code, description: "open or closed."}
      - {name: customer_id, description: "Whom it concerns."}
      - {name: customer_email, description: "E-mail address as the provider writes it."}
      - {name: amount_minor, description: "In the smallest unit of the currency."}
      - {name: currency, description: "Lower-case ISO 4217."}
      - {name: _load_seq, description: "Build that loaded the row: rises with every build."}
