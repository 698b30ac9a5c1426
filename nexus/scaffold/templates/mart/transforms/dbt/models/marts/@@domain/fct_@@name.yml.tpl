models:
  - name: fct_@@name
    description: >
      One row per workspace: @@title, how many records there are.
    config:
      contract: {enforced: true}
    columns:
      - name: workspace_id
        description: The workspace.
        data_type: text
        constraints: [{type: not_null}]
      - name: record_count
        description: "Rows of @@of."
        data_type: bigint
        constraints: [{type: not_null}]
    data_tests:
      - unique_combination: {arguments: {columns: [workspace_id]}}

unit_tests:
  - name: fct_@@{name}_counts_by_workspace
    description: Workspaces are counted by themselves.
    model: fct_@@name
    given:
      - input: ref('@@of')
        rows:
          - {workspace_id: a}
          - {workspace_id: a}
          - {workspace_id: b}
    expect:
      rows:
        - {workspace_id: a, record_count: 2}
        - {workspace_id: b, record_count: 1}
